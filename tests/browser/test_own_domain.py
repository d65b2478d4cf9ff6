"""A domain that `make new-service` has just written is a whole product, in a real browser."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.person import Person, Site
from tests.browser.product import ROOT, started


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Site]:
    """The product with one service, which keeps books, in a folder that was empty."""
    folder = tmp_path / "library"
    folder.mkdir()
    env = {**os.environ, "TOOL_SERVICES_FOLDER": str(folder), "NAME": "books"}
    subprocess.run([sys.executable, "-m", "scripts.new_service"], cwd=ROOT, env=env, check=True)
    yield from started(tmp_path, folder, DEMO_MODEL_PACE="0", ONE_PROCESS="true")


def test_a_person_asks_approves_and_reads_a_card(
    context: Callable[..., BrowserContext], library: Site
) -> None:
    person = Person.signs_up(context().new_page(), library)
    page = person.page
    page.get_by_role("button", name="Which books are open?").click(no_wait_after=True)
    page.wait_for_url("**/conversations/**")
    person.waits_for("completed")
    expect(person.answer.locator(".show-card")).to_have_count(3)
    assert person.reads() == "I found 3 books that are open."
    person.asks("Open a book about the broken window")
    expect(person.answer.get_by_role("heading", name="the broken window")).to_be_visible()
    person.answer.get_by_role("button", name="Approve").click()
    person.waits_for("completed", 2)
    expect(person.answer.locator(".show-card")).to_contain_text("the broken window")
    assert person.reads() == "Opened as B-6."
