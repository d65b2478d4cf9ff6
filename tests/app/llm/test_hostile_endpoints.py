"""An endpoint that sends too much ends its own answer, and nobody else's is delayed by it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.support.event_loop import watched_turns
from tests.support.hostile_model import STEADY, HostileModel
from tests.support.product import Product, text_of

Start = Callable[..., Product]

pytestmark = pytest.mark.slow

LONGEST_TURN = 40  # as in Turns.longest; the longest is 5, or 11 beside busy programs


# Each attack, and the error that ends the answer.
ENDS = {
    "text": "answer_too_long",
    "thoughts": "answer_too_long",
    "comments": "answer_too_long",
    "line": "event_too_long",
    "lines": "event_too_long",
    "bytes": "event_too_long",
    "calls": "too_many_calls",
    "arguments": "answer_too_long",
    "bomb": "model_encoding",
    "headers": "model_connection",
    "failure": "model_refused",
}
BEGUN = set(ENDS) - {"bomb", "headers", "failure"}


@pytest.fixture(scope="module")
def hostile() -> Iterator[HostileModel]:
    with HostileModel() as endpoint:
        yield endpoint


@pytest.mark.parametrize("attack", ENDS)
def test_too_much_ends_clearly_keeps_what_was_written_and_delays_nobody(
    start: Start, hostile: HostileModel, attack: str
) -> None:
    product = start(
        openai_base_url=hostile.base_url,
        max_answer_chars=50_000,
        max_event_bytes=200_000,
        model_attempts=1,
        run_timeout=20,
    )
    alice, bob = product.sign_up("Alice"), product.sign_up("Bob")
    with watched_turns() as turns:
        steady = bob.ask("steady")
        assert next(message for message in steady if message.event == "content")
        messages = alice.ask(attack).until("done")
        rest = steady.until("done")
    [failed] = [message.json for message in messages if message.event == "error"]
    assert (failed["code"], failed["retryable"]) == (ENDS[attack], attack == "headers")
    assert text_of(messages).startswith("It begins. ") == (attack in BEGUN)
    assert text_of(rest).endswith("".join(STEADY[-30:]))
    assert rest[-1].json["status"] == "completed"
    assert turns.longest < LONGEST_TURN
