"""The self-test for operators, as the wire has it; what the browser makes of it is tested there."""

from __future__ import annotations

import pytest
import requests

from tests.support.product import Person, Product, Stream

pytestmark = pytest.mark.shares_product

EVENTS = "/streaming-check/events"


def test_the_pieces_tell_when_they_were_sent(alice: Person) -> None:
    answer = alice.get(EVENTS, stream=True)
    assert answer.headers["X-Accel-Buffering"] == "no"
    assert "no-transform" in answer.headers["Cache-Control"]
    *pieces, end = Stream(answer)
    assert [piece.json["number"] for piece in pieces] == list(range(1, 21))
    told = [piece.json["ms"] for piece in pieces]
    assert told == sorted(told)
    assert told[0] < told[-1]
    assert end.event == "end"


def test_a_connection_that_broke_goes_on_with_the_next_piece(alice: Person) -> None:
    answer = alice.get(EVENTS, headers={"Last-Event-ID": "18"}, stream=True)
    assert [message.id for message in Stream(answer)] == [19, 20, 20]


def test_whatever_else_a_reader_claims_to_have_begins_it(alice: Person) -> None:
    for claim in ("-1", "9" * 40, "all"):
        answer = alice.get(EVENTS, headers={"Last-Event-ID": claim}, stream=True)
        assert next(iter(Stream(answer))).id == 1


def test_it_is_for_those_who_are_signed_in(product: Product) -> None:
    answer = requests.get(
        f"{product.url}/streaming-check", headers={"Accept": "text/html"}, allow_redirects=False
    )
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/auth/login")
