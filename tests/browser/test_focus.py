"""The focus never falls to the page's body: it goes to what came, or to the question's field."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

from tests.browser.person import EXAMPLE, SEND_NOTES, Person, eventually

# Notes each time that the focus is nowhere, as seen by the browser when it draws the page.
WATCH = """
window.fell = [];
const look = () => {
  if (document.hasFocus() && document.activeElement === document.body && window.watching)
    fell.push(document.title);
  requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""


def presses(button: Locator) -> None:
    """By keyboard, watching the focus from then on."""
    button.focus()
    button.page.evaluate("window.watching = true")
    button.press("Enter")


def field(page: Page) -> Locator:
    return page.get_by_label("Your question")


def fell(page: Page) -> list[str]:
    found: list[str] = page.evaluate("fell")
    return found


def test_it_goes_to_the_field_or_to_what_came(bob: Person) -> None:
    page = bob.page
    page.add_init_script(WATCH)
    page.reload()
    presses(page.get_by_role("button", name=EXAMPLE))
    bob.waits_for("completed")
    expect(field(page)).to_be_focused()
    bob.asks("[[slow]]", held=True)
    eventually(bob.reads)
    presses(page.get_by_role("button", name="Stop"))
    bob.waits_for("stopped")
    expect(field(page)).to_be_focused()
    bob.asks(SEND_NOTES, held=True)
    presses(page.get_by_role("button", name="Approve", exact=True))
    expect(bob.answer.locator("details.tool.completed")).to_be_visible()
    expect(field(page)).to_be_focused()
    bob.answer.locator("details.tool > summary").focus()
    bob.lets_go()
    bob.waits_for("completed", 2)
    expect(bob.answer.locator("details.tool > summary")).to_be_focused()
    bob.asks("[[error]]")
    bob.waits_for("failed")
    presses(page.get_by_role("button", name="Try again").last)
    expect(field(page)).to_be_focused()
    bob.waits_for("failed")
    page.get_by_label("Actions for this conversation").click()
    presses(page.get_by_role("button", name="Pin"))
    expect(page.locator(".mark")).to_have_text("Pinned")
    expect(page.get_by_label("Actions for this conversation")).to_be_focused()
    assert fell(page) == []
    page.get_by_label("Actions for this conversation").click()
    page.get_by_role("button", name="Delete").press("Enter")
    undo = page.get_by_role("button", name="Undo")
    expect(undo).to_be_focused()
    undo.press("Enter")
    expect(field(page)).to_be_focused()


def test_a_click_beside_everything_leaves_it_nowhere(bob: Person) -> None:
    """Who puts it there on purpose is not sent back by the words that come."""
    bob.asks("[[slow]]", held=True)
    eventually(bob.reads)
    bob.page.locator("#messages").click(position={"x": 5, "y": 5})
    assert bob.page.evaluate("document.activeElement.matches('body, main')")
    bob.page.evaluate("document.activeElement.blur()")
    bob.lets_go()
    bob.waits_for("completed")
    assert bob.page.evaluate("document.activeElement === document.body")
