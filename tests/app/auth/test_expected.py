"""Who has just asked is expected at the answer's stream: once, soon, by the same cookie."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from datetime import UTC, datetime

import jwt
import pytest
import requests

from app.auth.expected import ExpectedReaders, Reader, digest
from app.db.models import EndedSession, db, utc_now
from app.db.models import Person as Known
from tests.support.product import Person, Product
from tests.support.scripted_model import ScriptedModel
from tests.support.scripted_replies import text

SIGN_IN = "/auth/login"


def reader(person: str = "alice", cookie: str = "a.b.c") -> Reader:
    known = Known(person, f"{person}@example.com", person.title(), "user", datetime.now(UTC))
    return Reader(known, "csrf", digest(cookie))


def test_a_reader_is_let_in_once_and_by_the_same_cookie_alone() -> None:
    expected = ExpectedReaders()
    alice = reader()
    expected.expect("one", alice)
    assert expected.take("another", "a.b.c") is None
    assert expected.take("one", "a.b.c") is alice
    assert expected.take("one", "a.b.c") is None


@pytest.mark.parametrize("cookie", [None, "", "a.b.d", "a.b.c ", "ä"])
def test_another_cookie_lets_nobody_in(cookie: str | None) -> None:
    expected = ExpectedReaders()
    expected.expect("one", reader())
    assert expected.take("one", cookie) is None


def test_a_reader_who_comes_late_is_not_expected_any_more() -> None:
    expected = ExpectedReaders(seconds=-1)
    expected.expect("one", reader())
    assert expected.take("one", "a.b.c") is None


def test_those_who_never_come_are_forgotten() -> None:
    expected = ExpectedReaders(seconds=-1)
    for number in range(50):
        expected.expect(f"run {number}", reader())
    assert len(expected) <= 1


def test_one_who_is_expected_again_keeps_nobody_else_from_being_forgotten() -> None:
    expected = ExpectedReaders(seconds=5)
    expected.expect("again", reader())
    late = replace(reader(), at=time.monotonic() - 10)
    for number in range(50):
        expected.expect(f"run {number}", late)
        expected.expect("again", reader())
    assert len(expected) <= 3


def test_signing_out_forgets_a_person_and_nobody_else() -> None:
    expected = ExpectedReaders()
    expected.expect("one", reader("alice"))
    expected.expect("two", reader("bob"))
    expected.forget("alice")
    assert expected.take("one", "a.b.c") is None
    assert expected.take("two", "a.b.c")


def asked(person: Person) -> str:
    """The path of the stream that the page opens for a question it has just sent."""
    conversation = person.ask("Hello").until("done")[0].json["conversationId"]
    page = person.post(f"/conversations/{conversation}/messages", htmx=True, message="And now?")
    found = re.search(r'sse-connect="([^"]+)"', page.text)
    assert found, page.text
    return found[1]


def end_session(product: Product, person: Person) -> None:
    """As another worker does it."""
    claims = jwt.decode(person.tokens["access_token"], options={"verify_signature": False})
    with product.app.app_context():
        db.session.add(EndedSession(id=claims["sid"], expires_at=utc_now()))
        db.session.commit()


def test_the_stream_of_an_answer_just_asked_for_needs_no_second_look(
    product: Product, alice: Person, model: ScriptedModel
) -> None:
    model.script(text("One."), text("Two."))
    stream = asked(alice)
    end_session(product, alice)
    assert "Two." in alice.get(stream).text
    again = alice.get(stream).text
    assert "Two." not in again
    assert SIGN_IN in again


def test_whoever_signs_out_meanwhile_is_let_in_no_more(alice: Person, model: ScriptedModel) -> None:
    model.script(text("One."), text("Two."))
    stream = asked(alice)
    stolen = alice.browser.cookies.copy()
    assert alice.post("/auth/logout").status_code == 303
    alice.browser.cookies.update(stolen)
    answer = alice.get(stream).text
    assert "Two." not in answer
    assert SIGN_IN in answer


def test_nobody_else_is_let_in_in_the_place_of_who_is_expected(
    alice: Person, mallory: Person, model: ScriptedModel
) -> None:
    model.script(text("One."), text("Two."))
    stream = asked(alice)
    answer = mallory.get(stream).text
    assert "Two." not in answer
    assert "no such answer" in answer
    assert "Two." in alice.get(stream).text


def test_a_bearer_token_makes_no_cookie_expected(
    product: Product, alice: Person, model: ScriptedModel
) -> None:
    model.script(text("One."), text("Two."))
    conversation = alice.ask("Hello").until("done")[0].json["conversationId"]
    page = alice.api(
        "POST",
        f"/conversations/{conversation}/messages",
        data={"message": "And now?"},
        headers={"HX-Request": "true", "Cookie": "access_token_cookie=made-up"},
    )
    found = re.search(r'sse-connect="([^"]+)"', page.text)
    assert found, page.text
    cookies = {"access_token_cookie": "made-up"}
    answer = requests.get(product.url + found[1], cookies=cookies).text
    assert "Two." not in answer
    assert SIGN_IN in answer
