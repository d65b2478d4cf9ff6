"""The reader who has just asked opens the answer's stream by a pass, and nobody else does."""

from __future__ import annotations

import html
import re
from urllib.parse import urlsplit

import jwt
import pytest
from itsdangerous import TimestampSigner

from app.auth import session_table
from app.db.account_models import UserSession
from tests.support.product import Person, Product
from tests.support.scripted_model import ScriptedModel, text

pytestmark = pytest.mark.shares_product

SIGN_IN = "/auth/login"


@pytest.fixture
def stream(alice: Person, model: ScriptedModel) -> str:
    """The address that Alice's page opens for a question she has just sent."""
    model.script(text("One."), text("Two."))
    conversation = alice.ask("Hello").until("done")[0].json["conversationId"]
    path = f"/conversations/{conversation}/messages"
    return stream_in(alice.post(path, htmx=True, message="And now?").text)


def stream_in(page: str) -> str:
    found = re.search(r'sse-connect="([^"]+)"', page)
    assert found, page
    return html.unescape(found[1])


def end_session(product: Product, person: Person) -> None:
    """As another worker does it."""
    claims = jwt.decode(person.tokens["access_token"], options={"verify_signature": False})
    with product.app.app_context():
        session_table.end(UserSession.id == claims["sid"])


def test_the_stream_just_asked_for_needs_no_second_check(
    product: Product, alice: Person, stream: str
) -> None:
    end_session(product, alice)
    assert "Two." in alice.get(stream).text
    assert SIGN_IN in alice.get(urlsplit(stream).path).text


def test_a_pass_is_good_for_seconds(
    product: Product, alice: Person, stream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    end_session(product, alice)
    now = TimestampSigner("").get_timestamp()
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _: now + 7)
    assert SIGN_IN in alice.get(stream).text


def test_a_pass_that_is_no_longer_good_costs_its_reader_nothing(
    alice: Person, stream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = TimestampSigner("").get_timestamp()
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _: now + 3600)
    assert "Two." in alice.get(stream).text


def test_a_pass_is_good_for_one_run(product: Product, alice: Person, stream: str) -> None:
    page = alice.post("/conversations", htmx=True, message="Another")
    other = stream_in(page.text).partition("?")[0]
    end_session(product, alice)
    assert SIGN_IN in alice.get(f"{other}?{urlsplit(stream).query}").text


def test_another_persons_pass_lets_nobody_in(alice: Person, mallory: Person, stream: str) -> None:
    answer = mallory.get(stream).text
    assert "Two." not in answer
    assert "no such answer" in answer


@pytest.mark.parametrize("change", ["x", "é", "\0", ""])
def test_a_pass_that_was_changed_is_no_pass(
    product: Product, alice: Person, stream: str, change: str
) -> None:
    end_session(product, alice)
    path, _, good = stream.partition("?pass=")
    response = alice.get(path, params={"pass": change + good[1:]})
    assert "Two." not in response.text


def test_after_signing_out_a_pass_is_no_good_to_the_browser(alice: Person, stream: str) -> None:
    assert alice.post("/auth/logout").status_code == 303
    answer = alice.get(stream).text
    assert "Two." not in answer
    assert SIGN_IN in answer


def test_a_program_gets_no_pass_for_a_cookie_that_was_not_checked(alice: Person) -> None:
    conversation = alice.ask("Hello").until("done")[0].json["conversationId"]
    page = alice.api(
        "POST",
        f"/conversations/{conversation}/messages",
        data={"message": "And now?"},
        headers={"HX-Request": "true", "Cookie": "access_token_cookie=made-up"},
    )
    assert "?pass=" not in stream_in(page.text)
