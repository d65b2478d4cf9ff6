"""Files in a question, in a real Chromium: chosen, dropped, pasted, removed, sent."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable

from playwright.sync_api import BrowserContext, FilePayload, expect

from tests.browser.person import Person, Site

New = Callable[..., BrowserContext]
IMAGE: FilePayload = {
    "name": "house.png",
    "mimeType": "image/png",
    "buffer": b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    ),
}
TABLE: FilePayload = {"name": "prices.csv", "mimeType": "text/csv", "buffer": b"city,price\n"}
GIVE = """([kind, name]) => {
  const given = new DataTransfer();
  given.items.add(new File(["given"], name, { type: "text/plain" }));
  const field = document.getElementById("message");
  const event = kind === "paste"
    ? new ClipboardEvent("paste", { clipboardData: given, bubbles: true, cancelable: true })
    : new DragEvent("drop", { dataTransfer: given, bubbles: true, cancelable: true });
  field.dispatchEvent(event);
}"""


def test_files_are_chosen_dropped_and_pasted_and_sent_without_those_removed(bob: Person) -> None:
    page = bob.page
    attached = page.get_by_role("list", name="Attached files")
    field = page.get_by_label("Attach images or text files")
    field.set_input_files([IMAGE, TABLE])
    page.evaluate(GIVE, ["drop", "dropped.txt"])
    page.evaluate(GIVE, ["paste", "pasted.txt"])
    expect(attached.get_by_role("listitem")).to_have_count(4)
    page.evaluate(GIVE, ["paste", "fifth.txt"])
    expect(page.locator("#notice")).to_contain_text("4 files at most")
    attached.get_by_role("button", name="Remove dropped.txt").click()
    expect(page.get_by_label("Your question")).to_be_focused()
    bob.asks("[[say one]]")
    bob.waits_for("completed")
    files = page.get_by_role("article", name="Question").get_by_role("list", name="Files")
    expect(files.get_by_role("img", name="house.png")).to_be_visible()
    assert page.evaluate("document.querySelector('.files img').naturalWidth") == 1
    expect(files.locator("summary")).to_have_text(["prices.csv", "pasted.txt"])
    files.get_by_text("pasted.txt").click()
    expect(files.get_by_text("given", exact=True)).to_be_visible()
    # The next question has none of them, and has its own in the same page.
    expect(attached).to_be_hidden()
    bob.asks("[[say two]]")
    bob.waits_for("completed", 2)
    field.set_input_files(TABLE)
    bob.asks("[[say three]]")
    bob.waits_for("completed", 3)
    expect(page.get_by_role("list", name="Files")).to_have_count(2)
    expect(attached).to_be_hidden()


def test_without_script_files_are_chosen_in_a_plain_form(context: New, scripted: Site) -> None:
    bob = Person.signs_up(context(java_script_enabled=False).new_page(), scripted)
    bob.page.get_by_label("Attach images or text files").set_input_files([IMAGE, TABLE])
    bob.sends("[[say one]]")
    expect(bob.answer).to_contain_text("one")
    question = bob.page.get_by_role("article", name="Question")
    expect(question.get_by_role("img", name="house.png")).to_be_visible()
    expect(question.locator("summary")).to_have_text("prices.csv")
