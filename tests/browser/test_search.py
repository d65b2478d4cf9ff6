"""Search in a real browser: what it shows at each width, and the way to what was found."""

from __future__ import annotations

from playwright.sync_api import FilePayload, expect

from tests.browser.looks import Look
from tests.browser.person import Person, Site

FILES: list[FilePayload] = [
    {
        "name": f"otter_counts_{'of_each_river_' * 4}2025.csv",
        "mimeType": "text/csv",
        "buffer": b"a",
    },
    {"name": "otters.txt", "mimeType": "text/plain", "buffer": b"a"},
]
# Its last word is in no title.
LONG = "The beaver builds a dam of sticks and mud across the river, above the mill, and naps"


def test_what_is_found_fits_and_another_version_of_it_can_be_shown(
    bob: Person, scripted: Site
) -> None:
    page, look = bob.page, Look(bob.page)
    bob.asks("[[say An otter swims]]")
    bob.waits_for("completed")
    page.goto(scripted.url)
    page.get_by_label("Attach images or text files").set_input_files(FILES)
    bob.asks("[[say Two tables]]")
    bob.waits_for("completed")
    page.goto(scripted.url)
    bob.asks(f"[[say {LONG}]]")
    bob.waits_for("completed")
    question = page.get_by_role("article", name="Question")
    question.hover()
    question.get_by_role("link", name="Edit").click()
    page.get_by_label("Edit your question").fill("[[say The badger digs]]")
    page.get_by_role("button", name="Ask again").click()
    expect(bob.answer).to_contain_text("The badger digs")
    bob.waits_for("completed")

    found = page.get_by_role("main")
    page.goto(f"{scripted.url}/conversations?q=otter")
    expect(found.locator("mark")).to_have_text(["otter", "otter", "otters"])
    look("found")
    page.goto(f"{scripted.url}/conversations?q=nobody+has+these")
    look("nothing-found")
    page.goto(f"{scripted.url}/conversations")
    page.get_by_label("Words in titles and messages").fill("naps")
    expect(found.get_by_text("in another version")).to_be_visible()
    look("found-in-another-version")
    page.get_by_role("button", name="Show this version").click()
    expect(bob.answer).to_contain_text(LONG)
    expect(page.get_by_text("1/2")).to_be_visible()
