"""What every page owes to everybody: it fits, it can be read, and it says what each thing is.

Each page and each state of it is looked at once, at three widths and in both colour schemes: see
looks.py. That none is forgotten follows from docs/openapi.json, which has every route.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyotp
import pytest
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import create_engine, text

from tests.browser.looks import FAULTS, Look, take_picture
from tests.browser.person import (
    EXAMPLE,
    FIND_NOTES,
    PASSWORD,
    SEND_NOTES,
    Person,
    Site,
    eventually,
)

New = Callable[..., BrowserContext]
OPENAPI = Path(__file__).resolve().parent.parent.parent / "docs" / "openapi.json"

SIGNED_OUT = ("auth/login", "auth/signup", "auth/forgot")
# Those that a link in a mail leads to, with a token of no use.
WITH_TOKEN = ("auth/reset", "auth/verify", "auth/complete", "auth/email-change")
ACCOUNT = (
    "auth/profile",
    "auth/security",
    "auth/sessions",
    "auth/data",
    "auth/email",
    "auth/identities",
    "auth/confirm",
    "auth/second-factor",
    "auth/second-factor/app",
    "auth/security-log",
)
ADMIN = ("people", "ratings", "invitations", "mailbox", "auth/security-log?all=1")
OTHERS = (
    "conversations",
    "conversations?shelf=archive",
    "conversations?shelf=trash",
    "conversations?q=notes",
    "conversations?q=nowhere",
    "?temporary=true",
    "outbox",
    "shortcuts",
    "tools",
    "streaming-check",
)
# By tests below that get there as people do.
IN_PASSING = {
    "/",
    "/approvals/{approval_id}",
    "/auth/second-step",
    "/calls/{call_id}/shown/{number}",
    "/conversations/{conversation_id}",
    "/conversations/{conversation_id}/live",
    "/link",
    "/mailbox/{mail_id}",
    "/messages/{message_id}/edit",
}
# The same page at another address, and fragments, which are looked at where they are swapped in.
NO_PAGES = {
    "/auth/signin",
    "/conversations/{conversation_id}/queue",
    "/conversations/{conversation_id}/title",
    "/runs/{run_id}",
    "/status",
}


@pytest.fixture
def page(context: New) -> Page:
    return context(viewport={"width": 1280, "height": 800}).new_page()


@pytest.fixture
def look(page: Page) -> Look:
    return Look(page)


def test_no_page_is_forgotten() -> None:
    paths = json.loads(OPENAPI.read_text())["paths"]
    pages = {
        path
        for path, methods in paths.items()
        for answer in methods.get("get", {}).get("responses", {}).values()
        if "text/html" in answer.get("content", {})
    }
    listed = (*SIGNED_OUT, *WITH_TOKEN, *ACCOUNT, *ADMIN, *OTHERS)
    looked_at = {"/" + path.partition("?")[0] for path in listed}
    assert pages - looked_at - IN_PASSING - NO_PAGES == set()


def looks_at(look: Look, site: Site, paths: tuple[str, ...]) -> None:
    for path in paths:
        look.page.goto(f"{site.url}/{path}", wait_until="load")
        look("".join(letter if letter.isalnum() else "-" for letter in path))


def make_admin(person: Person) -> None:
    engine = create_engine(person.site.database)
    with engine.begin() as connection:
        update = text("UPDATE users SET role = 'admin' WHERE email = :email")
        connection.execute(update, {"email": person.email})
    engine.dispose()


def test_the_main_job_and_all_that_is_beside_it(page: Page, look: Look, scripted: Site) -> None:
    ann = Person.signs_up(page, scripted)
    look("start")
    ann.asks(f"My notes {FIND_NOTES}", held=True)
    expect(ann.answer).to_contain_text("The tool")
    look("under-way")
    ann.lets_go()
    ann.waits_for("completed")
    # What is found doesn't push the words about it out of sight.
    expect(ann.answer.locator(".prose").last).to_be_in_viewport()
    ann.answer.locator("details.tool > summary").click()
    look("done")
    sheet = ann.answer.get_by_role("link", name="Open as a page").first.get_attribute("href")
    conversation = page.url
    page.goto(f"{scripted.url}{sheet}")
    look("sheet")
    page.goto(conversation)
    edit = page.get_by_role("link", name="Edit").get_attribute("href")
    page.goto(f"{scripted.url}{edit}")
    look("edit")
    page.goto(conversation)
    ann.asks(SEND_NOTES)
    approve = page.get_by_role("button", name="Approve", exact=True)
    approve.wait_for()
    look("approval")
    own_page = page.get_by_role("link", name="A page of its own").get_attribute("href")
    page.goto(f"{scripted.url}{own_page}")
    look("approval-page")
    page.goto(conversation)
    approve.click()
    ann.waits_for("completed", 2)
    look("sent")
    looks_at(look, scripted, OTHERS)


def test_the_pages_about_accounts(
    page: Page, look: Look, scripted: Site, complaints: list[str]
) -> None:
    page.goto(scripted.url)
    look("front")
    looks_at(look, scripted, (*SIGNED_OUT, *WITH_TOKEN))
    page.goto(f"{scripted.url}/auth/signup")
    page.get_by_label("Password").fill("short")
    page.get_by_role("button", name="Sign up").click()
    page.get_by_text("10 to 256 characters").wait_for()
    look("sign-up-refused")
    ann = Person.signs_up(page, scripted)
    looks_at(look, scripted, ACCOUNT)
    page.goto(f"{scripted.url}/auth/second-factor/app")
    code = pyotp.TOTP(page.locator("code.key").inner_text()).now()
    page.get_by_label("Code").fill(code)
    page.get_by_role("button", name="Set up").click()
    page.get_by_role("link", name="I have kept them").wait_for()
    look("recovery-codes")
    make_admin(ann)
    looks_at(look, scripted, ADMIN)
    page.goto(f"{scripted.url}/mailbox")
    page.get_by_role("listitem").get_by_role("link").first.click()
    look("mail")
    page.goto(f"{scripted.url}/invitations")
    page.get_by_role("button", name="Make an invitation").click()
    look("invitation-made")
    page.context.clear_cookies()
    page.goto(f"{scripted.url}/auth/login")
    page.get_by_label("E-mail").fill(ann.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/auth/second-step**")
    look("second-step")
    complaints[:] = [line for line in complaints if "status of 4" not in line]


def test_figures_lead_to_their_call_and_those_of_no_tool_are_named(
    page: Page, look: Look, scripted: Site
) -> None:
    ann = Person.signs_up(page, scripted)
    ann.asks('[[tool addNote {"noteText": "4,321 m"}]] [[then It is 4,321 m high.]]')
    page.get_by_role("button", name="Approve", exact=True).click()
    ann.waits_for("completed")
    ann.answer.locator("a.figure").first.click()
    expect(ann.answer.locator(".call:target")).to_have_count(1)
    # Its figures are made up.
    ann.asks("[[markdown]]")
    ann.waits_for("completed", 2)
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


def test_what_goes_wrong_fits_and_can_be_read(
    page: Page, look: Look, scripted: Site, complaints: list[str]
) -> None:
    ann = Person.signs_up(page, scripted)
    ann.asks("[[think]]", held=True)
    expect(page.locator(".thinking")).to_have_text("Thinking…")
    look("thinking")
    ann.sends("[[limit]]")
    page.get_by_role("button", name="Send now").wait_for()
    look("queued")
    page.get_by_role("button", name="Stop").click()
    ann.waits_for("stopped")
    look("stopped")
    page.get_by_role("button", name="Send now").click()
    ann.waits_for("cut_off")
    look("cut-off")
    ann.asks('[[tool findNotes {"text": 7}]]')
    ann.waits_for("completed")
    look("tool-failed")
    ann.asks("[[error]]")
    ann.waits_for("failed")
    ann.sends("  ")
    expect(page.locator("#notice")).to_contain_text("Type a question")
    look("failed")
    ann.asks("[[markdown]]", held=True)
    eventually(lambda: ann.reads())
    page.context.set_offline(True)
    expect(page.get_by_text("Reconnecting")).to_be_visible()
    look("reconnecting")
    page.context.set_offline(False)
    ann.lets_go()
    ann.waits_for("completed", 2)
    ann.asks("[[say [a site](https://example.org/a)]]")
    ann.waits_for("completed", 3)
    here = page.url
    link = ann.answer.get_by_role("link", name="a site").get_attribute("href")
    page.goto(f"{scripted.url}{link}")
    look("link")
    page.goto(here)
    page.get_by_label("Actions for this conversation").click()
    look("actions")
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    look("deleted")
    looks_at(look, scripted, ("conversations?shelf=trash", "conversations/nowhere"))
    page.goto(f"{scripted.url}/?temporary=true")
    ann.asks("[[say For a day]]")
    ann.waits_for("completed")
    look("temporary")
    expected = ["422", "404", "net::", "[object Event]", "htmx:"]
    complaints[:] = [line for line in complaints if not any(word in line for word in expected)]


COVERED = """() => {
    const rows = [...Array(innerHeight / 4).keys()].map((row) => 4 * row + 2);
    const at = (y) => document.elementFromPoint(innerWidth / 2, y);
    const free = rows.filter((y) => at(y)?.closest("#messages"));
    return 1 - free.length / rows.length;
}"""
# The width of what marks off each thing from what is around it.
EDGES = """names => names.map((name) => {
    const { borderBottomWidth, borderBottomStyle } = getComputedStyle(document.querySelector(name));
    return borderBottomStyle === "none" ? 0 : parseFloat(borderBottomWidth);
})"""


def test_fingers_zoom_and_colours_of_ones_own(context: New, scripted: Site) -> None:
    page = context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    ).new_page()
    faults: list[str] = []
    assert page.evaluate("matchMedia('(pointer: coarse)').matches")

    def check(name: str) -> None:
        take_picture(page, f"touch-{name}")
        faults.extend(f"{name}: {fault}" for fault in page.evaluate(FAULTS))

    for path in SIGNED_OUT:
        page.goto(f"{scripted.url}/{path}")
        check(path.replace("/", "-"))
    ann = Person.signs_up(page, scripted)
    check("start")
    ann.asks(SEND_NOTES)
    page.get_by_role("button", name="Approve", exact=True).wait_for()
    check("approval")
    page.get_by_role("button", name="Stop").click()
    ann.waits_for("stopped")
    ann.asks("[[markdown]]")
    ann.waits_for("completed")
    page.get_by_label("Actions for this conversation").click()
    check("conversation")
    conversation = page.url
    for path in ("conversations", "tools", "auth/profile", "auth/security", "shortcuts"):
        page.goto(f"{scripted.url}/{path}")
        check(path.replace("/", "-"))
    assert faults == []

    page.goto(conversation)
    # 1280 by 1024 at 400 %.
    page.set_viewport_size({"width": 320, "height": 256})
    page.locator(".main").evaluate("main => main.scrollTo(0, 300)")
    check("zoomed")
    assert page.evaluate(COVERED) < 1 / 3
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(forced_colors="active")
    check("forced-colours")
    edges = (".bubble", ".composer form", ".composer .button", ".prose table")
    assert min(page.evaluate(EDGES, edges)) >= 1
    assert faults == []


def test_without_javascript_it_is_the_same(context: New, scripted: Site) -> None:
    plain = context(java_script_enabled=False).new_page()
    ann = Person.signs_up(plain, scripted)
    ann.asks("[[markdown]]", held=True)
    expect(plain.locator(".past").first).to_be_visible()
    ann.lets_go()
    expect(plain.locator(".ended")).to_be_visible()
    take_picture(plain, "plain")


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


def test_the_tab_key_leads_everywhere_and_shows_where_it_is(context: New, scripted: Site) -> None:
    ann = Person.signs_up(context().new_page(), scripted)
    ann.asks(f"Which notes are there? {FIND_NOTES}")
    ann.waits_for("completed")
    stops = tab_stops(ann.page)
    names = " ".join(stop["name"] for stop in stops)
    wanted_names = ("New conversation", EXAMPLE, "Outbox", "Log out", "Looked for notes", "Send")
    for wanted in wanted_names:
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


def test_the_keyboard_alone_is_enough_for_an_account(context: New, scripted: Site) -> None:
    page = Person.signs_up(context().new_page(), scripted).page

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
