"""What is stored of a run, and when."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select

from app.db.models import Run, Step, db
from app.runs import sql
from app.runs.sql import TextSoFar
from tests.app.runs.test_ask_retry_stop import last, run_id, stop
from tests.support.product import Person, Product, eventually, text_of
from tests.support.scripted_model import ScriptedModel, endless, text

pytestmark = pytest.mark.engines

Start = Callable[..., Product]


def test_an_answer_whose_text_cannot_be_stored_still_ends(
    product: Product, alice: Person, model: ScriptedModel
) -> None:
    model.script(text(*["word "] * 150, pace=0.01))
    stream = alice.ask("Hello")
    messages = stream.until("content")
    with product.app.app_context():
        db.session.execute(db.text("DROP TABLE tool_calls"))
        db.session.execute(db.text("DROP TABLE steps"))
        db.session.commit()
    messages += stream.until("done")
    assert messages[-1].json["status"] == "failed"


@pytest.mark.parametrize(
    ("chunks", "whole"),
    [
        (("a \ud83d", "\ude00 b"), "a 😀 b"),
        (("a \ud83d", " b"), "a � b"),
        (("a \ude00 b",), "a � b"),
        (("a \ud83d",), "a �"),
        (("a\x00b",), "ab"),
    ],
)
def test_halves_of_a_character_are_joined_or_replaced(
    alice: Person, model: ScriptedModel, chunks: tuple[str, ...], whole: str
) -> None:
    model.script(text(*chunks))
    messages = alice.ask("Hello").until("done")
    assert messages[-1].json["status"] == "completed"
    assert text_of(messages) == whole
    assert last(alice)["content"] == whole


def test_the_texts_of_all_runs_are_stored_while_they_are_written(
    product: Product, alice: Person, model: ScriptedModel
) -> None:
    model.script(endless(pace=0.01))
    runs = [run_id(alice.ask(f"Hello {number}").until("content")) for number in range(3)]

    def stored() -> list[int]:
        with product.app.app_context():
            steps = db.session.scalars(select(Step).order_by(Step.run_id))
            return [len(step.text) for step in steps if step.run_id in runs]

    first = eventually(lambda: (found := stored()) and len(found) == len(runs) and found)
    eventually(lambda: all(now > then for now, then in zip(stored(), first, strict=True)))
    with product.app.app_context():
        assert all(db.session.get_one(Run, run).seq > 1 for run in runs)
    for run in runs:
        stop(alice, run)


def test_a_text_of_another_attempt_is_not_stored(
    product: Product, alice: Person, model: ScriptedModel
) -> None:
    model.script(endless(pace=0.01))
    run = run_id(alice.ask("Hello").until("content"))
    with product.app.app_context():
        texts = [TextSoFar(run, attempt, 5, 7, "older") for attempt in (2, 3)]
        sql.save_texts(texts)
        db.session.commit()
        assert db.session.get(Step, (run, 7)) is None
    stop(alice, run)
