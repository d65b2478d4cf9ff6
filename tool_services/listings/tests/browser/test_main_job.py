"""What the product is for, as a newcomer meets it: ask for homes, see them, and send a report."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.looks import Look
from tests.browser.person import Person

QUESTION = "Find me 3-bedroom homes in Portland under $900,000"


def test_a_person_finds_homes_and_sends_a_report_about_them(ann: Person) -> None:
    page, look = ann.page, Look(ann.page)
    ann.asks(QUESTION)
    expect(ann.answer).to_contain_text("findListings")
    ann.waits_for("completed")
    expect(ann.answer).to_contain_text("I found 7 homes in Portland")
    expect(ann.answer).to_contain_text("123 Oak Street")
    expect(page.get_by_label("Conversations")).to_contain_text("Find me 3-bedroom")
    look("homes")
    conversation = page.url
    sheet = ann.answer.get_by_role("link", name="Open as a page").first.get_attribute("href")
    page.goto(f"{ann.site.url}{sheet}")
    look("sheet-of-homes")
    page.goto(conversation)
    ann.asks("Send these to me")
    approve = page.get_by_role("button", name="Approve", exact=True)
    approve.wait_for()
    look("report-to-approve")
    own_page = page.get_by_role("link", name="A page of its own").get_attribute("href")
    page.goto(f"{ann.site.url}{own_page}")
    look("report-to-approve-alone")
    page.goto(conversation)
    approve.click()
    ann.waits_for("completed", 2)
    look("report-sent")
    page.get_by_role("link", name="Outbox").first.click()
    expect(page.get_by_role("main")).to_contain_text(f"for {ann.email}")
    look("outbox-with-report")
