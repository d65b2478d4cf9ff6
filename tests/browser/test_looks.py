"""What every page owes to everybody: it fits, it can be read, and it says what each thing is.

The pictures in test-results/ are for looking at; they are not compared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyotp
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Error, Page, expect
from sqlalchemy import create_engine, text

from tests.browser.person import PASSWORD, Person, Site, eventually

New = Callable[..., BrowserContext]
QUESTION = "Find me 3-bedroom homes in Portland under $900,000"
RULES = {
    "resultTypes": ["violations"],
    "rules": {
        # axe has it switched off since it is about HTML rather than about people.
        "duplicate-id": {"enabled": True},
        # Chromium and Firefox let a table that scrolls take the focus by themselves. A tabindex
        # would make each table a stop, also those that fit.
        "scrollable-region-focusable": {"enabled": False},
    },
}
SHOTS = Path(__file__).resolve().parent.parent.parent / "test-results"
FAULTS = (Path(__file__).parent / "page_faults.js").read_text()


@dataclass
class Look:
    """Takes a picture, and checks the page by axe and by page_faults.js."""

    page: Page
    kind: str

    def __call__(self, name: str) -> None:
        SHOTS.mkdir(exist_ok=True)
        self._take(SHOTS / f"{name}-{self.kind}.png")
        faults: list[str] = self.page.evaluate(FAULTS)
        faults += map(_sentence, Axe().run(self.page, options=RULES).response["violations"])
        assert faults == [], f"on the page {name}"

    def _take(self, path: Path) -> None:
        """Chromium on a busy machine now and then has no frame to give; a moment later it has."""
        for left in (2, 1, 0):
            try:
                # To hide the caret, styles would be left behind, which the policy refuses.
                self.page.screenshot(path=path, caret="initial")
                return
            except Error:
                if not left:
                    raise
                self.page.wait_for_timeout(500)


def _sentence(violation: dict[str, Any]) -> str:
    places = [" ".join(node["target"]) for node in violation["nodes"]]
    return f"{violation['id']}: {violation['help']}: {places}"


# Each colour scheme and each width once; which goes with which makes no difference to either.
KINDS = [("light", 1280), ("dark", 390)]


@pytest.fixture(params=KINDS, ids=lambda kind: f"{kind[0]}-{kind[1]}")
def kind(request: pytest.FixtureRequest) -> tuple[str, int]:
    chosen: tuple[str, int] = request.param
    return chosen


@pytest.fixture
def scheme(kind: tuple[str, int]) -> str:
    return kind[0]


@pytest.fixture
def width(kind: tuple[str, int]) -> int:
    return kind[1]


@pytest.fixture
def page(context: New, scheme: str, width: int) -> Page:
    return context(viewport={"width": width, "height": 800}, color_scheme=scheme).new_page()


@pytest.fixture
def look(page: Page, scheme: str, width: int) -> Look:
    return Look(page, f"{width}-{scheme}")


def test_the_main_job_fits_and_can_be_read(page: Page, look: Look, demo: Site) -> None:
    ann = Person.signs_up(page, demo)
    look("start")
    ann.asks(QUESTION)
    eventually(lambda: "homes" in ann.reads())
    look("under-way")
    ann.waits_for("completed")
    ann.answer.locator("details.tool > summary").click()
    look("done")
    ann.asks("Send these to me")
    page.get_by_role("button", name="Approve", exact=True).wait_for()
    look("approval")
    own_page = page.get_by_role("link", name="A page of its own").get_attribute("href")
    page.goto(f"{demo.url}{own_page}")
    look("approval-page")
    page.go_back()
    page.get_by_role("button", name="Approve", exact=True).click()
    ann.waits_for("completed", 2)
    look("sent")
    make_admins(demo)
    account = ("profile", "security", "sessions", "data", "second-factor")
    own = (*(f"auth/{part}" for part in account), "people", "invitations")
    for path in ("conversations", "outbox", "tools", *own):
        page.goto(f"{demo.url}/{path}")
        look(path.replace("/", "-"))


def make_admins(site: Site) -> None:
    engine = create_engine(site.database)
    with engine.begin() as connection:
        connection.execute(text("UPDATE users SET role = 'admin'"))
    engine.dispose()


def test_figures_lead_to_their_call_and_those_of_no_tool_are_named(
    page: Page, look: Look, demo: Site
) -> None:
    ann = Person.signs_up(page, demo)
    ann.asks(QUESTION)
    ann.waits_for("completed")
    ann.answer.locator("a.figure").first.click()
    expect(ann.answer.locator(".call:target")).to_have_count(1)
    engine = create_engine(demo.database)
    with engine.begin() as connection:
        # The demo model makes nothing up.
        connection.execute(text("UPDATE runs SET figures = replace(figures, 'tool', 'none')"))
    engine.dispose()
    page.reload()
    ann.answer.get_by_text("not from the tools", exact=False).locator("visible=true").last.click()
    look("figures")


def test_what_can_be_done_with_messages_fits_and_can_be_read(
    page: Page, look: Look, scripted: Site
) -> None:
    ann = Person.signs_up(page, scripted)
    ann.asks("[[say <think>What they want, and why: two lines.</think>Hello, Ann.]]")
    ann.waits_for("completed")
    ann.answer.get_by_role("button", name="Try again").click()
    expect(page.get_by_text("2/2")).to_be_visible()
    ann.asks("[[markdown]]")
    ann.waits_for("completed", 2)
    ann.answers.first.locator("details.thoughts > summary").click()
    ann.answer.get_by_role("button", name="Good answer").click()
    expect(page.get_by_text("You rated this answer good.")).to_be_visible()
    look("actions")
    question = page.get_by_role("article", name="Question").last
    question.hover()
    question.get_by_role("link", name="Edit").click()
    expect(page.get_by_label("Edit your question")).to_be_visible()
    look("edit")
    page.get_by_role("link", name="Cancel").click()
    page.goto(page.url + "#")
    there = page.get_by_role("link", name="Edit").last.get_attribute("href")
    page.goto(f"{scripted.url}{there}")
    look("edit-page")


def test_a_wide_table_is_at_hand_without_a_wide_page(page: Page, look: Look, demo: Site) -> None:
    ann = Person.signs_up(page, demo)
    ann.asks("Performance report for L001, L003 and L009")
    ann.waits_for("completed")
    look("report")
    for table in ann.answer.locator(".prose table").all():
        table.evaluate("table => table.scrollTo(9999, 0)")
        expect(table.get_by_role("cell").last).to_be_in_viewport(ratio=0.9)


def test_what_goes_wrong_fits_and_can_be_read(
    page: Page, look: Look, scripted: Site, complaints: list[str]
) -> None:
    page.goto(f"{scripted.url}/auth/login")
    look("log-in")
    page.goto(f"{scripted.url}/auth/signup")
    look("sign-up")
    page.get_by_label("Name").fill("Ann")
    page.get_by_label("Password").fill("short")
    page.get_by_role("button", name="Sign up").click()
    look("sign-up-refused")
    ann = Person.signs_up(page, scripted)
    ann.asks("[[think]]", held=True)
    expect(page.locator(".thinking")).to_have_text("Thinking…")
    look("thinking")
    ann.sends("too early")
    expect(page.locator("#notice")).to_contain_text("still being written")
    look("not-yet")
    page.get_by_role("button", name="Stop").click()
    ann.waits_for("stopped")
    look("stopped")
    ann.asks('[[tool findListings {"city": 7}]]')
    ann.waits_for("completed")
    look("tool-failed")
    ann.asks("[[error]]")
    ann.waits_for("failed")
    look("failed")
    ann.asks("[[slow]]", held=True)
    eventually(lambda: ann.reads())
    page.context.set_offline(True)
    expect(page.get_by_text("Reconnecting")).to_be_visible()
    look("reconnecting")
    page.context.set_offline(False)
    page.get_by_role("button", name="Stop").click()
    ann.waits_for("stopped", 2)
    page.goto(f"{scripted.url}/streaming-check")
    expect(page.locator("#verdict.good")).to_be_visible()
    look("streaming-check")
    page.goto(f"{scripted.url}/conversations/nowhere")
    look("not-found")
    expected = ["409", "422", "404", "net::", "[object Event]"]
    complaints[:] = [line for line in complaints if not any(word in line for word in expected)]


def test_without_javascript_it_looks_the_same(
    context: New, scripted: Site, scheme: str, width: int
) -> None:
    plain = context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, java_script_enabled=False
    ).new_page()
    ann = Person.signs_up(plain, scripted)
    ann.asks("[[markdown]]")
    expect(plain.locator(".ended")).to_be_visible()
    plain.screenshot(path=SHOTS / f"plain-{width}-{scheme}.png")


def tab_stops(page: Page) -> list[dict[str, Any]]:
    """Each place that the Tab key leads to, once round the page, with how it shows."""
    found: list[dict[str, Any]] = []
    page.evaluate("() => document.activeElement.blur()")
    for _ in range(60):
        page.keyboard.press("Tab")
        stop = page.evaluate(
            """() => {
                const here = document.activeElement;
                const ring = getComputedStyle(here).outlineStyle;
                const frame = getComputedStyle(here.closest('form') ?? here).borderColor;
                const accent = getComputedStyle(document.querySelector('.side .brand')).color;
                const seen = here.getBoundingClientRect();
                const again = here.dataset.visited;
                here.dataset.visited = true;
                return {name: here.innerText || here.name || here.tagName, again,
                        shown: (ring !== 'none' || frame === accent) && seen.width > 0,
                        body: here === document.body};
            }"""
        )
        if stop["again"]:
            break
        if not stop["body"]:
            found.append(stop)
    return found


def test_the_tab_key_leads_everywhere_and_shows_where_it_is(context: New, demo: Site) -> None:
    ann = Person.signs_up(context().new_page(), demo)
    ann.asks("How is L001 doing?")
    ann.waits_for("completed")
    stops = tab_stops(ann.page)
    names = " ".join(stop["name"] for stop in stops)
    for wanted in ("New conversation", "How is L001", "Outbox", "Log out", "getListing", "Send"):
        assert wanted in names
    assert [stop["name"] for stop in stops if not stop["shown"]] == []


def test_the_keyboard_alone_is_enough(context: New, scripted: Site) -> None:
    page = context().new_page()
    page.goto(f"{scripted.url}/auth/signup")
    page.get_by_label("Name").focus()
    for words in ("Ann", f"keys-{id(page)}@example.com", PASSWORD):
        page.keyboard.type(words)
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{scripted.url}/")
    bob = Person(page, scripted, "")
    expect(page.get_by_label("Your question")).to_be_focused()
    page.keyboard.type("[[endless]]")
    page.keyboard.press("Enter")
    page.wait_for_url("**/conversations/**")
    eventually(lambda: bob.reads())
    stop = page.get_by_role("button", name="Stop")
    for _ in range(30):
        page.keyboard.press("Shift+Tab")
        if stop.evaluate("button => button === document.activeElement"):
            break
    page.keyboard.press("Enter")
    bob.waits_for("stopped")


def test_the_keyboard_alone_is_enough_for_an_account(context: New, demo: Site) -> None:
    page = Person.signs_up(context().new_page(), demo).page

    def presses(role: Any, name: str, words: str = "") -> None:
        """Tab to something, type words into it if there are any, and press Enter."""
        wanted = page.get_by_role(role, name=name, exact=True)
        wanted.wait_for()
        for _ in range(40):
            page.keyboard.press("Tab")
            if wanted.evaluate("node => node === document.activeElement"):
                break
        expect(wanted).to_be_focused()
        page.keyboard.type(words)
        page.keyboard.press("Enter")

    presses("link", "Account")
    presses("textbox", "Name", "Ann B")
    expect(page.get_by_text("Your name is changed.")).to_be_visible()
    presses("link", "Security")
    presses("link", "Second step and passkeys")
    presses("link", "Set up an app")
    code = pyotp.TOTP(page.locator("code.key").inner_text()).now()
    presses("textbox", "Code", code)
    presses("link", "I have kept them")
    presses("button", "Remove the app")
    expect(page.get_by_text("Your authenticator app is removed.")).to_be_visible()
    presses("link", "Sessions")
    expect(page.get_by_text("You are signed in nowhere else.")).to_be_visible()
    presses("link", "Data")
    presses("button", "Delete my account in a week")
    presses("button", "Keep my account")
    expect(page.get_by_text("Your account is kept.")).to_be_visible()
