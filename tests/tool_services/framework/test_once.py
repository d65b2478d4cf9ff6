"""A tool that is done once per key: by any number of processes, and after one has died."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import gevent
import pytest
from gevent.event import Event
from sqlalchemy import func, select, update

from tests.support.notes.models import Letter, Note, db
from tests.tool_services.support.services import Answer, Service
from tool_services.framework.errors import CallUnknownError, IdempotencyConflictError
from tool_services.framework.once import GRACE_SECONDS, KEPT, LEDGER, Call, do_once
from tool_services.framework.timestamps import utc_now

pytestmark = pytest.mark.engines

LETTER = {"notes": ["first"], "recipientEmail": "ann@example.com"}
CALL = Call("alice", "addNote", "key", "digest", seconds=1, reaches_out=False)


def send(service: Service, key: str | None = "key", **changed: Any) -> Answer:
    return service.call("sendNotes", LETTER | changed, key=key)


def count(notes: Service, table: Any) -> int:
    with notes.app.app_context():
        return db.session.scalar(select(func.count()).select_from(table)) or 0


def add_note() -> dict[str, str]:
    db.session.add(Note(Text="once"))
    return {"said": "done"}


def age(seconds: float) -> None:
    """Let every call in the ledger be so much older, and without a result."""
    then = utc_now() - timedelta(seconds=seconds)
    db.session.execute(update(LEDGER).values(ClaimedAt=then, Result=None))
    db.session.commit()


def test_a_repeated_call_returns_the_first_ones_result_in_any_process(notes: Service) -> None:
    with notes.twin() as twin:
        assert send(notes).result == send(notes).result == send(twin).result
    assert count(notes, Letter) == 1


def test_calls_without_a_key_or_with_another_are_each_done(notes: Service) -> None:
    for key in ("one", "two", None, None):
        assert send(notes, key).status == 200
    assert count(notes, Letter) == 4


def test_a_key_is_good_for_its_arguments_alone(notes: Service) -> None:
    send(notes)
    answer = send(notes, recipientEmail="bob@example.com")
    assert (answer.status, answer.code) == (409, "idempotency_conflict")
    assert count(notes, Letter) == 1


def test_a_call_that_fails_leaves_nothing_and_its_key_can_be_used(notes: Service) -> None:
    assert send(notes, notes=["no such note"]).code == "unknown_note"
    assert count(notes, LEDGER) == 0
    assert send(notes).status == 200


def test_of_two_calls_at_once_one_waits_for_the_other(notes: Service) -> None:
    begun, goes_on = Event(), Event()

    def act() -> dict[str, str]:
        begun.set()
        goes_on.wait()
        return add_note()

    patient = Call("alice", "addNote", "key", "digest", seconds=30, reaches_out=False)

    def call(act: Any) -> Any:
        with notes.app.app_context():
            return do_once(db, patient, act)

    before = count(notes, Note)
    first = gevent.spawn(call, act)
    begun.wait()
    second = gevent.spawn(call, add_note)
    gevent.sleep(0.1)
    assert not second.ready()
    goes_on.set()
    assert first.get(timeout=30) == second.get(timeout=30) == {"said": "done"}
    assert count(notes, Note) == before + 1


def test_a_call_whose_process_died_is_done_by_the_next_one(notes: Service) -> None:
    with notes.app.app_context():
        do_once(db, CALL, lambda: {})
        age(CALL.seconds + GRACE_SECONDS + 1)
        assert do_once(db, CALL, add_note) == {"said": "done"}
        assert do_once(db, CALL, lambda: {}) == {"said": "done"}


def test_a_call_that_its_client_no_longer_waits_for_is_not_done(notes: Service) -> None:
    """The client may have made another one instead, and both would be done."""
    call = Call("alice", "addNote", "key", "digest", seconds=0.1, reaches_out=False)
    with notes.app.app_context():
        do_once(db, call, lambda: {})
        age(GRACE_SECONDS - 2)
        before = count(notes, Note)
        with pytest.raises(CallUnknownError):
            do_once(db, call, add_note)
        assert count(notes, Note) == before
        age(call.seconds + GRACE_SECONDS + 1)
        assert do_once(db, call, add_note) == {"said": "done"}


def test_a_call_that_reached_out_is_not_done_again_if_its_process_died(notes: Service) -> None:
    call = Call("alice", "send", "key", "digest", seconds=1, reaches_out=True)
    with notes.app.app_context():
        do_once(db, call, lambda: {})
        age(call.seconds + GRACE_SECONDS + 1)
        with pytest.raises(CallUnknownError):
            do_once(db, call, add_note)


def test_a_slow_call_whose_place_was_taken_writes_nothing(notes: Service) -> None:
    before = count(notes, Note)

    def act() -> dict[str, str]:
        def other() -> Any:
            with notes.app.app_context():
                age(CALL.seconds + GRACE_SECONDS + 1)
                return do_once(db, CALL, lambda: {"said": "by the other"})

        gevent.spawn(other).get(timeout=30)
        return add_note()

    with notes.app.app_context():
        assert do_once(db, CALL, act) == {"said": "by the other"}
    assert count(notes, Note) == before


def test_a_tool_must_not_part_its_writes_from_its_result(notes: Service) -> None:
    def commits() -> dict[str, str]:
        add_note()
        db.session.commit()
        return {}

    before = count(notes, Note)
    with notes.app.app_context(), pytest.raises(RuntimeError, match="must not commit"):
        do_once(db, CALL, commits)
    assert count(notes, Note) == before


def test_calls_are_forgotten_after_a_day(notes: Service) -> None:
    with notes.app.app_context():
        do_once(db, CALL, lambda: {})
        age(KEPT.total_seconds() + 1)
    send(notes)
    assert count(notes, LEDGER) == 1
    with notes.app.app_context():
        age(KEPT.total_seconds() + 1)
    notes.restart()
    assert count(notes, LEDGER) == 0


def test_the_same_key_of_another_person_is_another_call(notes: Service) -> None:
    with notes.app.app_context():
        do_once(db, CALL, lambda: {"for": "alice"})
        bobs = Call("bob", "addNote", "key", "other", seconds=1, reaches_out=False)
        assert do_once(db, bobs, lambda: {"for": "bob"}) == {"for": "bob"}
        with pytest.raises(IdempotencyConflictError):
            do_once(db, Call("alice", "addNote", "key", "other", 1, False), lambda: {})


def test_a_call_that_reached_out_is_not_done_again_if_its_result_was_not_kept(
    notes: Service,
) -> None:
    call = Call("alice", "send", "key", "digest", seconds=1, reaches_out=True)
    sent = []

    def send_and_break() -> dict[str, str]:
        sent.append("letter")
        db.session.add(Note(Id=1, Text="taken"))
        return {}

    with notes.app.app_context():
        for _ in range(2):
            with pytest.raises(CallUnknownError):
                do_once(db, call, send_and_break)
            age(call.seconds + GRACE_SECONDS + 1)
    assert sent == ["letter"]


def test_a_call_that_is_ended_from_outside_may_have_reached_out(notes: Service) -> None:
    call = Call("alice", "send", "key", "digest", seconds=1, reaches_out=True)

    def ended() -> dict[str, str]:
        raise gevent.GreenletExit

    with notes.app.app_context():
        with pytest.raises(gevent.GreenletExit):
            do_once(db, call, ended)
        assert count(notes, LEDGER) == 1
        age(call.seconds + GRACE_SECONDS + 1)
        with pytest.raises(CallUnknownError):
            do_once(db, call, add_note)


def test_a_tool_may_use_savepoints(notes: Service) -> None:
    def tries() -> dict[str, str]:
        with db.session.begin_nested():
            return add_note()

    before = count(notes, Note)
    with notes.app.app_context():
        assert do_once(db, CALL, tries) == {"said": "done"}
    assert count(notes, Note) == before + 1
