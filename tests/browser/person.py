"""A person in front of a browser: what they do on the pages, in their words."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import requests
from playwright.sync_api import Locator, Page, expect

PASSWORD = "correct horse battery"
# What the notes service offers on the start page, and what makes the scripted model call its tools.
EXAMPLE = "Which notes are there?"
FIND_NOTES = "[[tool findNotes {}]]"
SEND_NOTES = '[[tool sendNotes {"notes": ["first"], "recipientEmail": "friend@example.com"}]]'
_numbers = itertools.count(1)


@dataclass
class Site:
    """A running product; `model` is the scripted model's URL where there is one, `database` that
    of the app's own database."""

    url: str
    model: str = ""
    database: str = ""

    def open_streams(self) -> int:
        return int(requests.get(f"{self.url}/sse/health", timeout=60).json()["openStreams"])

    def model_requests(self) -> list[dict[str, Any]]:
        url = self.model.removesuffix("/v1") + "/requests"
        found: list[dict[str, Any]] = requests.get(url, timeout=60).json()["requests"]
        return found


@dataclass
class Person:
    page: Page
    site: Site
    email: str
    held: str = ""
    """The word that holds the answer that was asked for last."""

    @classmethod
    def signs_up(cls, page: Page, site: Site) -> Person:
        """Sign up in the page's browser without the form, which takes a third of a short test's
        CPU, and open the start page."""
        email = _address()
        answer = page.context.request.post(
            f"{site.url}/auth/signup",
            form={"name": "Ann", "email": email, "password": PASSWORD},
            max_redirects=0,
        )
        assert answer.status == 303
        page.goto(f"{site.url}/")
        return cls(page, site, email)

    @classmethod
    def fills_in_the_form(cls, page: Page, site: Site) -> Person:
        email = _address()
        page.goto(f"{site.url}/auth/signup")
        page.get_by_label("Name").fill("Ann")
        page.get_by_label("E-mail").fill(email)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign up").click()
        page.wait_for_url(f"{site.url}/")
        return cls(page, site, email)

    def sends(self, question: str) -> None:
        self.page.get_by_label("Your question").fill(question)
        self.page.get_by_role("button", name="Send", exact=True).click(no_wait_after=True)

    def asks(self, question: str, *, held: bool = False) -> None:
        """An answer that is `held` stays half-way until `lets_go`: however slow the machine, what
        is to happen in its middle happens in its middle."""
        before = self.answers.count() and self.answer.get_attribute("id")
        if held:
            self.held = f"{self.email}-{next(_numbers)}"
        self.sends(f"{question} [[held {self.held}]]" if held else question)
        # The first question of a conversation leads to a page of its own.
        self.page.wait_for_url("**/conversations/**", wait_until="commit")
        if before:
            expect(self.answer).not_to_have_attribute("id", before)
        else:
            self.answer.wait_for()

    def lets_go(self) -> None:
        url = self.site.model.removesuffix("/v1") + "/go"
        requests.post(url, data=self.held or self.email, timeout=60).raise_for_status()

    @property
    def answers(self) -> Locator:
        return self.page.get_by_role("article", name="Answer")

    @property
    def answer(self) -> Locator:
        return self.answers.last

    def waits_for(self, status: str, count: int = 1) -> None:
        expect(self.page.locator(f".foot.{status}")).to_have_count(count, timeout=60_000)

    def reads(self) -> str:
        """The text of the newest answer, without its tool lines and buttons."""
        return " ".join(" ".join(self.answer.locator(".prose").all_inner_texts()).split())


def _address() -> str:
    return f"person{next(_numbers)}-{time.time_ns()}@example.com"


def eventually(check: Callable[[], Any], seconds: float = 60) -> Any:
    limit = time.monotonic() + seconds
    while not (value := check()):
        assert time.monotonic() < limit, "it never came true"
        time.sleep(0.05)
    return value


def words(count: int) -> str:
    """What `[[slow]]` says, as far as its first `count` words."""
    return " ".join(f"word{number}" for number in range(count))


def once_each(text: str) -> list[int]:
    """The numbers of the words in the text, in order."""
    return [int(number) for number in re.findall(r"word(\d+)", text)]
