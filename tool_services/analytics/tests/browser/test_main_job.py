"""What a person sees of how homes do: figures, and a report whose table is wide."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.looks import Look
from tests.browser.person import Person, Site

New = Callable[..., BrowserContext]


@pytest.mark.parametrize("script", [True, False], ids=["with-script", "without-script"])
def test_a_suggestion_below_homes_tells_how_they_do(context: New, demo: Site, script: bool) -> None:
    ann = Person.signs_up(context(java_script_enabled=script).new_page(), demo)
    page, ended = ann.page, ann.page.locator(".foot.completed" if script else ".ended")
    ann.asks("Find me 3-bedroom homes in Portland under $900,000")
    expect(ended).to_be_visible()
    page.get_by_role("button", name="How are those doing?").click(no_wait_after=True)
    expect(ann.answers).to_have_count(2)
    expect(ended).to_have_count(2 if script else 1)
    expect(ended.last).to_be_visible()
    expect(ann.answer).to_contain_text("getListingMetrics")
    expect(page.get_by_role("list", name="Suggested questions")).to_have_count(1)


def test_an_example_is_one_click_and_its_call_opens_to_show_the_figures(ann: Person) -> None:
    ann.page.get_by_role("button", name="How is L001 doing?").click()
    ann.waits_for("completed")
    expect(ann.answer).to_contain_text("1,250")
    line = ann.answer.locator("details.tool")
    expect(line).to_contain_text("done in")
    line.locator("summary").click()
    expect(line.locator("pre").first).to_contain_text('"L001"')
    expect(line.locator("pre").last).to_contain_text('"pageViews": 1250')
    ann.answer.locator("a.figure").first.click()
    expect(ann.answer.locator(".call:target")).to_have_count(1)


def test_a_wide_table_is_at_hand_without_a_wide_page(ann: Person) -> None:
    ann.asks("Performance report for L001, L003 and L009")
    ann.waits_for("completed")
    Look(ann.page)("report")
    for width in (1280, 390):
        ann.page.set_viewport_size({"width": width, "height": 800})
        for table in ann.answer.locator(".prose table").all():
            table.evaluate("table => table.scrollTo(9999, 0)")
            expect(table.get_by_role("cell").last).to_be_in_viewport(ratio=0.9)
