"""An answer made to be slow to show: everybody else's goes on at its pace."""

from __future__ import annotations

import gevent
import pytest

from tests.support.event_loop import watched_turns
from tests.support.product import Person
from tests.support.scripted_model import ScriptedModel, stall_before_first, text

pytestmark = pytest.mark.slow

LONGEST_TURN = 40  # as in Turns.longest; the longest is 4; the worker was held for 800


@pytest.mark.parametrize(
    "hostile",
    [">" * 60_000, "|a" * 400 + "|\n" + "|-" * 400 + "|\n" + "a\n" * 2_000],
    ids=["nested quotes", "wide table"],
)
def test_a_second_person_reads_on_while_it_is_written_and_viewed(
    alice: Person, mallory: Person, model: ScriptedModel, hostile: str
) -> None:
    model.script(text(*["word "] * 400, pace=0.01), stall_before_first(0.3, text(hostile)))
    stream = alice.ask("Hello")
    stream.until("content")
    attack = mallory.post("/conversations", message="Write something slow")
    path = attack.headers["Location"]

    def view() -> None:
        assert mallory.get(path).status_code == 200
        for _ in range(3):
            assert mallory.get(path.removesuffix("/live")).status_code == 200

    with watched_turns() as turns:
        viewing = gevent.spawn(view)
        assert stream.until("done")[-1].json["status"] == "completed"
        viewing.get(timeout=60)
    assert turns.longest < LONGEST_TURN
