"""What people do with their conversations, in a real browser with JavaScript and without."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.person import Person, Site

New = Callable[..., BrowserContext]


def opens_actions(page: Page) -> None:
    page.locator(".menu summary").click()


def side(page: Page) -> str:
    return page.get_by_label("Conversations", exact=True).inner_text()


@pytest.mark.parametrize("script", [True, False], ids=["with-script", "without-script"])
def test_rename_pin_delete_undo_and_search(context: New, scripted: Site, script: bool) -> None:
    bob = Person.signs_up(context(java_script_enabled=script).new_page(), scripted)
    page = bob.page
    bob.asks("[[say The otter swims]]")
    expect(bob.answer).to_contain_text("The otter swims")
    page.wait_for_load_state()
    here = page.url.removesuffix("/live")
    page.goto(here)

    opens_actions(page)
    page.get_by_label("Title").fill("Animals & <plants>")
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Animals & <plants>")
    expect(page.get_by_label("Conversations", exact=True)).to_contain_text("Animals & <plants>")
    expect(page).to_have_title("Animals & <plants> · Homestream")

    opens_actions(page)
    page.get_by_role("button", name="Pin", exact=True).click()
    expect(page.get_by_label("Conversations", exact=True)).to_contain_text("Pinned")

    opens_actions(page)
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("status").filter(has_text="in the trash")).to_be_visible()
    expect(page.get_by_label("Conversations", exact=True)).not_to_contain_text("Animals")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Animals & <plants>")

    page.goto(f"{scripted.url}/conversations")
    page.get_by_label("Words in titles and messages").fill("OTT")
    if not script:
        page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("main").locator("mark")).to_have_text(["otter"])
    page.get_by_role("main").get_by_role("link", name="Animals & <plants>").click()
    expect(bob.answer).to_contain_text("The otter swims")


def test_the_list_is_as_it_is_when_an_answer_has_ended(bob: Person) -> None:
    bob.asks("Hello", held=True)
    expect(bob.page.get_by_label("Conversations", exact=True)).to_contain_text("Answering")
    bob.lets_go()
    bob.waits_for("completed")
    expect(bob.page.get_by_label("Conversations", exact=True)).not_to_contain_text("Answering")
