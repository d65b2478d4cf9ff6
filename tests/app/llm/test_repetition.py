"""A reply that goes round in circles is ended; one that only has much that is alike is not."""

from __future__ import annotations

import pytest

from app.llm.repetition import LOOKED_AT
from tests.app.llm.asking import Ask, Build, failure
from tests.support.scripted_model import ScriptedModel, endless, text

TABLE = "".join(f"| L{number:03} | Portland | ${number * 977:,} |\n" for number in range(200))


@pytest.mark.parametrize(
    "piece", ["It is both one and all. ", "Ich helfe Ihnen gerne: größer! " * 9]
)
def test_a_reply_that_repeats_itself_is_ended_and_keeps_its_text(
    model: ScriptedModel, build: Build, piece: str
) -> None:
    model.script(endless(pace=0, chunk=piece))
    said, problem = failure(build())
    assert (problem.code, problem.retryable, len(model.requests)) == ("answer_repeats", False, 1)
    assert said.startswith(piece)
    assert len(said) < 100 * LOOKED_AT


@pytest.mark.parametrize(
    "answer", [TABLE, "I will be good.\n" * 100, "word " * 1_000, "The same sentence. " * 150]
)
def test_much_that_is_alike_is_an_answer(model: ScriptedModel, ask: Ask, answer: str) -> None:
    model.script(text(answer[:500], answer[500:]))
    assert ask()[1].text == answer
