"""What can be done with a message, in a real Chromium: copy, try again, edit, rate."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.person import Person, Site

New = Callable[..., BrowserContext]


def has_copied(page: Page, text: str) -> None:
    """Wait until the clipboard has a text that begins so, and that is said."""
    page.wait_for_function(
        "start => navigator.clipboard.readText().then(text => text.startsWith(start))", arg=text
    )
    expect(page.locator("#said")).to_have_text("Copied")


def test_messages_and_code_are_copied_and_that_is_said(context: New, scripted: Site) -> None:
    opened = context()
    opened.grant_permissions(["clipboard-read", "clipboard-write"])
    bob = Person.signs_up(opened.new_page(), scripted)
    bob.asks("[[say **Hi**\n\n```\na <b>\n  c\n```\n]]")
    bob.waits_for("completed")
    bob.answer.get_by_role("link", name="Copy").click()
    has_copied(bob.page, "**Hi**\n\n```\na <b>")
    bob.answer.get_by_role("button", name="Copy code").click()
    has_copied(bob.page, "a <b>\n  c")
    bob.page.get_by_role("article", name="Question").hover()
    bob.page.get_by_role("article", name="Question").get_by_role("link", name="Copy").click()
    has_copied(bob.page, "[[say **Hi**")


def test_versions_are_paged_through_and_questions_edited_in_place(bob: Person) -> None:
    page = bob.page
    bob.asks("[[say One.]]")
    bob.waits_for("completed")
    page.evaluate("window.sameDocument = true")
    bob.answer.get_by_role("button", name="Try again").click()
    expect(page.get_by_text("2/2")).to_be_visible()
    bob.waits_for("completed")
    bob.asks("[[say Two.]]")
    bob.waits_for("completed", 2)
    page.get_by_role("button", name="version before of this answer").click()
    expect(page.get_by_text("1/2")).to_be_visible()
    bob.waits_for("completed", 1)
    question = page.get_by_role("article", name="Question")
    question.hover()
    question.get_by_role("link", name="Edit").click()
    field = page.get_by_label("Edit your question")
    expect(field).to_be_focused()
    field.fill("[[say Three.]]")
    page.get_by_role("button", name="Ask again").click()
    expect(bob.answer.locator(".prose")).to_have_text("Three.")
    bob.waits_for("completed", 1)
    before = page.get_by_role("button", name="version before of this question")
    before.focus()
    page.keyboard.press("Enter")
    expect(bob.answer.locator(".prose")).to_have_text("One.")
    # The same place has the focus, though there is no version before this one.
    expect(before).to_be_focused()
    bob.asks("[[say Four.]]")
    bob.waits_for("completed", 2)
    bob.answer.get_by_role("button", name="Bad answer").click()
    expect(page.get_by_text("You rated this answer bad.")).to_be_visible()
    assert page.evaluate("window.sameDocument") is True
