"""Lists of conversations: by day, a page at a time, each as it is now."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import update

from app.conversations.days import period
from app.conversations.lists import PAGE_LENGTH
from app.db.models import Conversation, Run, db, utc_now
from tests.app.web.test_conversations import Strict, begin, run_of
from tests.support.product import Person
from tests.support.scripted_model import ScriptedModel, endless

pytestmark = pytest.mark.shares_product

NOW = utc_now()


def have(person: Person, times: list[datetime], **values: object) -> list[str]:
    """Ids of new conversations of the person's, by the times of their last messages."""
    with person.product.app.app_context():
        made = [
            Conversation(user_id=person.id, title=f"Number {number}", updated_at=at, **values)
            for number, at in enumerate(times)
        ]
        db.session.add_all(made)
        db.session.commit()
        return [each.id for each in made]


def numbers(page: str) -> list[int]:
    """The conversations that the page's main part lists, in order."""
    return [int(found) for found in re.findall(r">Number (\d+)<", page.rpartition("<main")[2])]


def pages_of(person: Person, **headers: str) -> Iterator[str]:
    """All pages of a list, from the first one on."""
    next_page: str | None = "/conversations"
    while next_page:
        page = person.get(next_page, headers=headers).text
        yield page
        found = re.search(r'<p class="older"><a href="([^"]*)"', page.rpartition("<main")[2])
        next_page = found and found[1].replace("&amp;", "&")


@pytest.mark.parametrize(
    ("days_ago", "heading"),
    [
        *((-1, "Today"), (0, "Today"), (1, "Yesterday"), (2, "Previous 7 days")),
        *((7, "Previous 7 days"), (8, "Previous 30 days"), (30, "Previous 30 days")),
        *(
            (31, "October 2026"),
            (32, "September 2026"),
            (300, "January 2026"),
            (400, "September 2025"),
        ),
    ],
)
def test_each_day_has_its_heading(days_ago: int, heading: str) -> None:
    today = date(2026, 11, 1)
    assert period(today - timedelta(days=days_ago), today) == heading


@pytest.mark.engines
def test_a_list_has_headings_with_the_latest_first(alice: Person) -> None:
    have(alice, [NOW - timedelta(days=days) for days in (3, 0, 400, 4)])
    for path in ("/", "/conversations"):
        page = alice.get(path).text
        Strict(page)
        told = re.findall(r"<h2>([^<]*)</h2>|>(Number \d)<", page.partition("<main")[0])
        month = f"{NOW - timedelta(days=400):%B %Y}"
        expected = ["Today", "Number 1", "Previous 7 days", "Number 0", "Number 3", month]
        assert [heading or title for heading, title in told] == [*expected, "Number 2"]


@pytest.mark.engines
def test_every_conversation_is_listed_once_over_all_pages(alice: Person, mallory: Person) -> None:
    # Many at the same moment, over a page's end.
    times = [NOW - timedelta(hours=number // 60) for number in range(3 * PAGE_LENGTH + 1)]
    ids = have(alice, times)
    have(mallory, times[:1])
    pages = list(pages_of(alice))
    assert [len(numbers(page)) for page in pages] == [PAGE_LENGTH] * 3 + [1]
    listed = [number for page in pages for number in numbers(page)]
    assert sorted(listed) == list(range(len(ids)))
    assert [times[number] for number in listed] == sorted(times, reverse=True)
    fragments = list(pages_of(alice, **{"HX-Request": "true"}))
    assert [number for page in fragments for number in numbers(page)] == listed


def test_a_program_gets_the_same_pages(alice: Person) -> None:
    ids = have(alice, [NOW - timedelta(hours=number) for number in range(PAGE_LENGTH + 2)])
    first = alice.api("GET", "/conversations").json()
    second = alice.api("GET", f"/conversations?after={first['after']}").json()
    assert [each["id"] for each in first["conversations"] + second["conversations"]] == ids
    assert second["after"] == ""


def test_a_heading_is_not_said_again_where_a_fragment_goes_on_below_it(alice: Person) -> None:
    have(alice, [NOW - timedelta(seconds=number) for number in range(PAGE_LENGTH + 1)])
    after = alice.api("GET", "/conversations").json()["after"]
    path = f"/conversations?after={after}"
    assert "<h2>" not in alice.get(path, headers={"HX-Request": "true"}).text
    assert "<h2>" in alice.get(path).text.rpartition("<main")[2]


@pytest.mark.parametrize(
    "query",
    [
        *("after=", "after=x", "after=1-1-1", f"after=0-{'9' * 16}-{'0' * 32}x"),
        *(
            f"after=2-1-{'0' * 32}",
            f"after=0-{'9' * 17}-{'0' * 32}",
            "shelf=x",
            "shelf=",
            "shelf=temporary",
        ),
    ],
)
def test_a_place_that_is_none_is_told_so(alice: Person, query: str) -> None:
    assert alice.api("GET", f"/conversations?{query}").status_code == 422


@pytest.mark.engines
def test_every_cursor_of_the_right_form_is_taken(alice: Person) -> None:
    for microseconds in ("0", "9" * 16):
        path = f"/conversations?after=1-{microseconds}-{'f' * 32}"
        assert alice.api("GET", path).status_code == 200


@pytest.mark.engines
def test_a_list_says_what_is_written_and_what_waits(alice: Person, model: ScriptedModel) -> None:
    model.script(endless(pace=0.01))
    path = begin(alice)
    assert "Answering" in alice.get("/conversations").text
    [conversation] = alice.api("GET", "/conversations").json()["conversations"]
    assert conversation["status"] == "answering"
    run = run_of(alice.get(path).text)
    alice.post(f"/runs/{run}/stop")
    assert "Answering" not in alice.get("/conversations").text
    with alice.product.app.app_context():
        waiting = update(Run).where(Run.id == run).values(status="waiting")
        db.session.execute(waiting)
        db.session.commit()
    assert "Waiting for you" in alice.get("/conversations").text
    assert "Waiting for you" in alice.get("/", headers={"HX-Request": "true"}).text
    alice.post(f"/runs/{run}/stop")
