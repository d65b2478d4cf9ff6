"""Long conversations: what a page of one shows, and that its length costs nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import gevent
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event
from werkzeug.test import TestResponse

from app.db.models import Base, Message, Run, User, db, to_person
from app.rendering.displayed_messages import PAGE_LENGTH
from app.runs.prompt import ServicesNow, messages_for
from tests.app.web.test_conversations import Strict, finished
from tests.support.long_conversations import long_conversation
from tests.support.product import Person
from tests.support.scripted_model import ScriptedModel, cut_after, endless, text

pytestmark = pytest.mark.shares_product

LONG = 2 * PAGE_LENGTH + 10
FULL = list(range(1, LONG // 2 + 1))


def have(person: Person, messages: int) -> str:
    """The path of a conversation of the person's with so many messages."""
    with person.product.app.app_context():
        return f"/conversations/{long_conversation(db.session(), person.id, messages)}"


def asked(page: str) -> list[int]:
    """The numbers of the questions on the page, in order."""
    return [int(number) for number in re.findall(r"<p[^>]*>Question (\d+)\?</p>", page)]


def answered(page: str) -> list[int]:
    return [int(number) for number in re.findall(r"<strong>question (\d+)</strong>", page)]


def link(page: str, words: str) -> str | None:
    found = re.search(rf'<a[^>]* href="([^"]*)"[^>]*>{words} messages</a>', page)
    return found[1] if found else None


# What is shown


def test_a_short_conversation_is_all_on_one_page(alice: Person) -> None:
    page = alice.get(have(alice, PAGE_LENGTH)).text
    assert asked(page) == answered(page) == list(range(1, PAGE_LENGTH // 2 + 1))
    assert link(page, "Earlier") is link(page, "Newer") is None


@pytest.mark.engines
def test_a_long_conversation_opens_at_its_end(alice: Person) -> None:
    path = have(alice, LONG)
    page = alice.get(path).text
    assert asked(page) == answered(page) == FULL[-PAGE_LENGTH // 2 :]
    assert link(page, "Earlier") == f"{path}?before={LONG - PAGE_LENGTH + 1}"
    assert link(page, "Newer") is None
    Strict(page)


@pytest.mark.engines
def test_links_lead_to_the_beginning_and_back_past_every_message(alice: Person) -> None:
    pages = [alice.get(have(alice, LONG)).text]
    while earlier := link(pages[0], "Earlier"):
        pages.insert(0, alice.get(earlier).text)
    assert [number for page in pages for number in asked(page)] == FULL
    assert [number for page in pages for number in answered(page)] == FULL
    back = pages[0]
    for page in pages[1:]:
        back = alice.get(str(link(back, "Newer"))).text
        assert asked(back) == asked(page)
    assert link(back, "Newer") is None


def test_htmx_is_given_the_earlier_messages_alone_as_the_page_has_them(alice: Person) -> None:
    path = f"{have(alice, LONG)}?before=61"
    fragment = alice.get(path, headers={"HX-Request": "true"}).text
    page = alice.get(path).text
    assert asked(fragment) == list(range(6, 31))
    assert "<html" not in fragment
    assert link(fragment, "Newer") is None
    assert fragment.strip() in page
    Strict(fragment)


@pytest.mark.engines
@pytest.mark.parametrize("before", [2, 3])
def test_a_question_is_never_parted_from_its_answer(alice: Person, before: int) -> None:
    page = alice.get(f"{have(alice, 6)}?before={before}").text
    assert asked(page) == answered(page) == [1]


def test_a_place_beyond_the_end_is_the_end(alice: Person) -> None:
    path = have(alice, LONG)
    page = alice.get(f"{path}?before=999999999").text
    assert asked(page) == asked(alice.get(path).text)
    assert link(page, "Newer") is None


@pytest.mark.parametrize("before", ["", "x", "0", "-1", "1.5", "²", "9" * 10, "1" * 5000])
def test_a_place_that_is_none_is_told_so(alice: Person, before: str) -> None:
    path = f"{have(alice, 4)}?before={before}"
    page = alice.get(path)
    assert (page.status_code, "must be the position of a message" in page.text) == (422, True)
    notice = alice.get(path, headers={"HX-Request": "true"})
    assert (notice.status_code, notice.headers["HX-Retarget"]) == (422, "#notice")


def test_before_the_first_message_there_is_nothing(alice: Person) -> None:
    page = alice.get(f"{have(alice, 4)}?before=1")
    assert (page.status_code, "nothing earlier" in page.text) == (404, True)


@pytest.mark.engines
@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
def test_another_persons_earlier_messages_are_as_if_unknown(
    alice: Person, mallory: Person, headers: dict[str, str]
) -> None:
    answer = mallory.get(f"{have(alice, LONG)}?before=61", headers=headers)
    assert answer.status_code == 404
    assert asked(answer.text) == []


@pytest.mark.engines
def test_an_answer_tried_again_counts_once(alice: Person, model: ScriptedModel) -> None:
    path = have(alice, PAGE_LENGTH)
    model.script(cut_after("Half"), text("Whole"))
    alice.post(f"{path}/messages", message="And now?")
    failed = finished(alice, path)
    last = re.findall(r'id="run-(\w+)"', failed)[-1]
    alice.post(f"/runs/{last}/retry")
    page = finished(alice, path)
    assert "Whole" in page
    assert "Half" not in page
    assert asked(page) == list(range(2, PAGE_LENGTH // 2 + 1))
    assert asked(alice.get(str(link(page, "Earlier"))).text) == [1]


def test_from_an_earlier_page_a_question_leads_to_the_end(
    alice: Person, model: ScriptedModel
) -> None:
    """There its answer is not put below messages that it doesn't follow."""
    model.script(text("Later."))
    path = have(alice, LONG)
    page = alice.get(f"{path}?before=61").text
    assert f'action="{path}/messages"' in page
    assert f'hx-post="{path}/messages"' not in page
    led = alice.post(f"{path}/messages", message="And now?")
    assert (led.status_code, led.headers["Location"]) == (303, f"{path}/live")
    assert "Later." in finished(alice, path)


@pytest.mark.engines
def test_the_live_answer_of_a_long_conversation_is_watched(
    alice: Person, model: ScriptedModel
) -> None:
    model.script(endless(pace=0.01))
    path = have(alice, LONG)
    alice.post(f"{path}/messages", message="Go on")
    held = alice.get(f"{path}/live", stream=True, allow_redirects=False)
    assert held.status_code == 200
    earlier = alice.get(f"{path}?before=61").text
    assert "sse-connect" not in earlier
    assert "http-equiv" not in earlier


# What it costs


@dataclass
class Cost:
    """SQL statements, and rows of their results that were made objects."""

    statements: int = 0
    rows: int = 0


@contextmanager
def counted(app: Flask) -> Iterator[Cost]:
    """What this greenlet costs the database; the keepers of leases have greenlets of their own."""
    cost, here = Cost(), gevent.getcurrent()

    def statement(*_: object) -> None:
        cost.statements += gevent.getcurrent() is here

    def row(*_: object) -> None:
        cost.rows += gevent.getcurrent() is here

    with app.app_context():
        engine = db.engine
    listeners = [
        (engine, "before_cursor_execute", statement),
        *((mapper.class_, "load", row) for mapper in Base.registry.mappers),
    ]
    for listener in listeners:
        event.listen(*listener)
    try:
        yield cost
    finally:
        for listener in listeners:
            event.remove(*listener)


Act = Callable[[FlaskClient, str], TestResponse]


def costs_of(alice: Person, act: Act) -> tuple[Cost, Cost]:
    """What it costs in a conversation of 50 messages, and in one of 500."""
    paths = have(alice, 50), have(alice, 500)
    client = alice.product.app.test_client()
    # What is kept of the very first request is not counted.
    client.get(paths[0], headers=alice.bearer)
    short, long = (cost_of(alice, act, client, path) for path in paths)
    return short, long


def cost_of(alice: Person, act: Act, client: FlaskClient, path: str) -> Cost:
    with counted(alice.product.app) as cost:
        answer = act(client, path)
    assert answer.status_code < 400, answer.text
    return cost


@pytest.mark.engines
@pytest.mark.parametrize("what", ["", "?before=51", "/live"])
def test_a_page_of_a_long_conversation_costs_what_a_short_one_does(
    alice: Person, what: str
) -> None:
    short, long = costs_of(
        alice, lambda client, path: client.get(path + what, headers=alice.bearer)
    )
    assert short == long


@pytest.mark.engines
def test_asking_in_a_long_conversation_costs_what_it_does_in_a_short_one(alice: Person) -> None:
    def ask(client: FlaskClient, path: str) -> TestResponse:
        fields = {"message": "And now?"}
        headers = alice.bearer | {"HX-Request": "true"}
        return client.post(f"{path}/messages", data=fields, headers=headers)

    short, long = costs_of(alice, ask)
    assert short == long


def told(alice: Person, messages: int, budget: int) -> tuple[list[str], Cost]:
    """The questions that the model is told with one more, and what it costs to tell them."""
    path = have(alice, messages)
    app = alice.product.app
    with app.app_context():
        conversation = path.rpartition("/")[2]
        ask_next(conversation, alice.id, messages)
        person = to_person(db.session.get_one(User, alice.id))
        with counted(app) as cost, app.test_request_context():
            said = messages_for(person, conversation, messages + 2, budget, ServicesNow())
    return [message.text for message in said if message.role == "user"], cost


def ask_next(conversation_id: str, user_id: str, messages: int) -> None:
    """A question and its answer's run, which nobody begins."""
    ids = {"conversation_id": conversation_id}
    answer = Message(role="assistant", position=messages + 2, **ids)
    run = Run(user_id=user_id, answer=answer, status="completed", **ids)
    question = Message(role="user", content="And now?", position=messages + 1, **ids)
    db.session.add_all([question, run])
    db.session.commit()


@pytest.mark.engines
def test_what_the_model_is_told_costs_no_more_in_a_long_conversation(alice: Person) -> None:
    short, cost = told(alice, 50, 500)
    long, same = told(alice, 500, 500)
    assert 2 < len(short) == len(long) < 10
    assert cost == same


@pytest.mark.engines
@pytest.mark.parametrize("messages", [2, 50, 52, 150, 600])
def test_the_model_is_told_the_newest_questions_without_a_gap(alice: Person, messages: int) -> None:
    """However many batches it takes, up to the most that is looked at."""
    questions, _ = told(alice, messages, 1_000_000)
    newest = [f"Question {number}?" for number in range(1, messages // 2 + 1)]
    assert questions == [*newest, "And now?"][-200:]
