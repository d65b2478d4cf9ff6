"""The same pages without JavaScript: in Chromium with it switched off, and in w3m."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pyte
import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.person import FIND_NOTES, PASSWORD, Person, Site, eventually, once_each

New = Callable[..., BrowserContext]
MANY_PARTS = "\n\n".join(f"part {number}" for number in range(20))


@pytest.fixture
def bob(context: New, scripted: Site) -> Person:
    return Person.fills_in_the_form(context(java_script_enabled=False).new_page(), scripted)


def test_a_person_asks_watches_and_reads(bob: Person) -> None:
    page, parts = bob.page, bob.answer.locator(".prose > *")
    bob.asks("[[think]]", held=True)
    expect(page.locator(".past").first).to_have_text("Thinking…")
    bob.lets_go()
    expect(page.locator(".ended")).to_be_visible()
    bob.asks(f"{FIND_NOTES} [[then {MANY_PARTS}]]", held=True)
    expect(parts.get_by_text("part 5")).to_be_visible()
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    half = parts.count()
    assert half < 15, "the answer did not come bit by bit"
    expect(page.locator(".ended")).to_have_count(0)
    bob.lets_go()
    expect(page.locator(".ended")).to_be_visible()
    expect(bob.answer).to_contain_text("part 19")
    assert parts.count() > half
    expect(page.get_by_role("button", name="Stop")).to_be_hidden()
    expect(bob.answer).to_contain_text("Looked for notes")
    expect(bob.answer.locator(".show-card").first).to_contain_text("first")


def test_stop_retry_and_log_out_are_plain_forms(bob: Person) -> None:
    bob.asks("[[endless]]")
    # The page will be loading for as long as the answer lasts.
    expect(bob.page.locator(".past").first).to_be_visible()
    bob.page.get_by_role("button", name="Stop").click()
    bob.waits_for("stopped")
    bob.page.get_by_role("button", name="Try again").click(no_wait_after=True)
    expect(bob.page.locator(".past").first).to_be_visible()
    bob.page.get_by_role("button", name="Stop").click()
    bob.waits_for("stopped")
    expect(bob.answers).to_have_count(1)
    bob.page.get_by_role("button", name="Log out").click()
    bob.page.wait_for_url("**/auth/login")
    bob.page.goto(f"{bob.site.url}/conversations")
    assert "/auth/login?next=" in bob.page.url


def test_the_plain_page_of_a_live_answer_leads_to_the_one_that_grows(bob: Person) -> None:
    bob.asks("[[slow]]", held=True)
    page = bob.page.context.new_page()
    page.goto(bob.page.url.removesuffix("/live"), wait_until="commit")
    page.wait_for_url("**/live", wait_until="commit")
    other = Person(page, bob.site, bob.email)
    bob.lets_go()
    expect(page.locator(".ended")).to_be_visible(timeout=60_000)
    assert once_each(other.reads()) == list(range(50))


def test_what_was_typed_stays_beside_the_reason(bob: Person, complaints: list[str]) -> None:
    page = bob.page
    page.get_by_label("Your question").fill("x" * 9000)
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("alert")).to_contain_text("9,000 characters")
    expect(page.get_by_label("Your question")).to_have_value("x" * 9000)
    complaints[:] = [line for line in complaints if "422" not in line]


def test_a_wrong_form_is_explained_beside_its_fields(
    context: New, scripted: Site, complaints: list[str]
) -> None:
    page = context(java_script_enabled=False).new_page()
    page.goto(f"{scripted.url}/auth/signup")
    page.get_by_label("Name").fill("<b>Ann</b>")
    page.get_by_label("E-mail").fill("nonsense")
    page.get_by_role("button", name="Sign up").click()
    expect(page.get_by_text("Enter an e-mail address like")).to_be_visible()
    expect(page.get_by_text("10 to 256 characters")).to_be_visible()
    expect(page.get_by_label("Name")).to_have_value("<b>Ann</b>")
    expect(page.get_by_label("E-mail")).to_have_value("nonsense")
    complaints[:] = [line for line in complaints if "422" not in line]


# w3m, in a terminal


class Terminal:
    """w3m in a terminal of 100 by 45, driven by keys and read off its screen."""

    def __init__(self, url: str, home: Path) -> None:
        command = shutil.which("w3m")
        assert command, "w3m is not installed"
        # w3m hands a text area to the person's editor; this one writes what the test left for it.
        self._typed = home / "typed"
        editor = home / "editor"
        editor.write_text(f'#!/bin/sh\ncat "{self._typed}" > "$1"\n')
        editor.chmod(0o755)
        env = {"HOME": str(home), "EDITOR": str(editor), "TERM": "linux", "LANG": "C.UTF-8"}
        self._screen = pyte.Screen(100, 45)
        self._stream = pyte.Stream(self._screen)
        self._child = pexpect.spawn(
            command,
            ["-cookie", url],
            env={**os.environ, **env},
            dimensions=(45, 100),
            timeout=60,
            encoding="utf-8",
            codec_errors="replace",
        )

    def shows(self) -> str:
        with contextlib.suppress(pexpect.TIMEOUT):
            while True:
                piece = self._child.read_nonblocking(65536, timeout=0.05)
                self._stream.feed(piece)
        return "\n".join(self._screen.display)

    def last_line(self) -> str:
        """Where w3m asks for something, or tells what it shows."""
        return self.shows().split("\n")[-1]

    def sees(self, words: str) -> str:
        eventually(lambda: words in self.shows())
        return self.shows()

    def sees_at_the_end(self, words: str) -> str:
        """Once the page is there: w3m shows it only when it has all of it."""

        def there() -> bool:
            self.press("G")
            return words in self.shows()

        eventually(there)
        return self.shows()

    def press(self, keys: str) -> None:
        self._child.send(keys)
        self.shows()

    def types(self, prompt: str, words: str) -> None:
        """Words for the prompt in the last line, once it is there: before that w3m would take each
        letter for a command."""
        eventually(lambda: re.match(prompt, self.last_line()))
        self.press(words)
        self.press("\r")

    def goes_on(self) -> None:
        """To the next field, link or button."""
        before = self._place
        self.press("\t")
        eventually(lambda: self.shows() and self._place != before)

    @property
    def _place(self) -> tuple[int, int]:
        return self._screen.cursor.y, self._screen.cursor.x

    def fills(self, words: str) -> None:
        """The next field after the cursor."""
        self.goes_on()
        self.press("\r")
        self.types("TEXT:|Password:", words)
        eventually(lambda: "Viewing" in self.last_line())

    def goes_to(self, words: str) -> None:
        """The last place on the page with these words: w3m finds backwards from the end."""
        self.press("G?")
        self.types("Backward:", words)

    def writes(self, words: str) -> None:
        self._typed.write_text(words)
        self.goes_to("Your question")
        self.goes_on()
        self.press("\r")
        # The editor has been and gone when the line under the cursor has the words' beginning.
        eventually(lambda: words[:9] in self.shows().split("\n")[self._screen.cursor.y])
        self.goes_on()
        self.press("\r")

    def signs_up(self) -> None:
        """Fill in and send the form for a new account, which is on the screen."""
        self.sees("Sign up")
        self.fills("Ann")
        self.fills(f"w3m-{time.time_ns()}@example.com")
        self.fills(PASSWORD)
        self.press("\t\r")
        self.sees("What would you like to know?")

    def close(self) -> None:
        self._child.close(force=True)


@pytest.fixture
def terminal(scripted: Site, tmp_path: Path) -> Iterator[Terminal]:
    opened = Terminal(f"{scripted.url}/auth/signup", tmp_path)
    yield opened
    opened.close()


def test_w3m_signs_up_asks_and_reads_the_answer(terminal: Terminal) -> None:
    terminal.signs_up()
    terminal.writes(f"{FIND_NOTES} [[then **Rivers** have 1,825 words.]]")
    # Nothing but the answer has it without the asterisks.
    answer = terminal.sees_at_the_end("Rivers have 1,825 words.")
    assert "Looked for notes" in answer
    terminal.press("g")
    assert "Reconnecting" not in answer + terminal.shows()
    terminal.writes("[[markdown]]")
    assert "1,799" in terminal.sees_at_the_end("All of it is Markdown.")


def test_w3m_goes_back_to_what_was_asked(terminal: Terminal) -> None:
    terminal.sees("Sign up")
    terminal.fills("Ann")
    terminal.fills("nonsense")
    terminal.fills(PASSWORD)
    terminal.press("\t\r")
    seen = terminal.sees("Enter an e-mail address like")
    assert "[Ann " in seen
    assert "[nonsense" in seen


def test_w3m_looks_after_an_account(terminal: Terminal) -> None:
    terminal.signs_up()
    terminal.goes_to("Account")
    terminal.press("\r")
    terminal.sees("Your account")
    terminal.goes_to("Name \\[")
    terminal.fills(" B")
    terminal.press("\t\r")
    assert "[Ann B " in terminal.sees("Your name is changed.")
    terminal.goes_to("Security")
    terminal.press("\r")
    terminal.sees("Sign-in and security")
    terminal.goes_to("Current password")
    terminal.fills(PASSWORD)
    terminal.fills("another long secret")
    terminal.press("\t\r")
    terminal.sees("Your password is changed")
    terminal.goes_to("Data")
    terminal.press("\r")
    terminal.sees("Delete my account in a week")
    terminal.goes_to("Delete my account")
    terminal.press("\r")
    terminal.sees("will be deleted on")
