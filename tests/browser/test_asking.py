"""Asking: the queue, the keys, drafts and the field, in a real Chromium."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import BrowserContext, expect

from tests.browser.person import Person, Site

New = Callable[..., BrowserContext]


def test_a_question_sent_meanwhile_is_queued_and_then_asked_in_the_same_page(bob: Person) -> None:
    page, queue = bob.page, bob.page.get_by_role("region", name="Queued questions")
    bob.asks("[[slow]]", held=True)
    page.evaluate("window.sameDocument = true")
    for question in ("[[say second]]", "[[say third]]", "[[say never]]"):
        bob.sends(question)
        expect(queue).to_contain_text(question)
        expect(page.get_by_label("Your question")).to_have_value("")
    queue.get_by_role("listitem").last.get_by_role("button", name="Remove").click()
    expect(queue.get_by_role("listitem")).to_have_count(2)
    bob.lets_go()
    bob.waits_for("completed", 3)
    expect(queue).to_be_hidden()
    assert page.evaluate("window.sameDocument") is True
    expect(page.get_by_role("article", name="Question")).to_have_count(3)
    assert bob.reads() == "third"
    bob.asks("[[say fourth]]")
    bob.waits_for("completed", 4)


def test_after_a_stop_a_queued_question_waits_and_send_now_asks_it(bob: Person) -> None:
    page, queue = bob.page, bob.page.get_by_role("region", name="Queued questions")
    bob.asks("[[endless]]")
    bob.sends("[[say second]]")
    expect(queue).to_contain_text("Queued")
    page.get_by_role("button", name="Stop").click()
    bob.waits_for("stopped")
    expect(queue).to_contain_text("Not sent")
    queue.get_by_role("button", name="Send now").click()
    bob.waits_for("completed")
    assert bob.reads() == "second"
    bob.asks("[[endless]]")
    bob.sends("[[say steered]]")
    queue.get_by_role("button", name="Send now").click()
    bob.waits_for("completed", 2)
    assert bob.reads() == "steered"
    expect(page.locator(".foot.stopped")).to_have_count(2)
    expect(page.get_by_role("article", name="Question")).to_have_count(4)


def test_without_script_the_page_of_one_answer_leads_to_that_of_the_queued_question(
    context: New, scripted: Site
) -> None:
    bob = Person.signs_up(context(java_script_enabled=False).new_page(), scripted)
    bob.asks("[[slow]]", held=True)
    expect(bob.page.locator(".past").first).to_be_visible()
    bob.sends("[[say second]]")
    bob.lets_go()
    expect(bob.answers).to_have_count(2)
    expect(bob.answer).to_contain_text("second")
