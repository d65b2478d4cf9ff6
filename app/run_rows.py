"""What is stored of a run while it is written: statements that every answer needs several times.

They are put together once, since that takes longer than carrying them out, and they go past the
ORM's objects. All of them belong to the current transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Table, bindparam, func, insert, literal, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from app.events import Outcome
from app.models import Run, db, new_id, now

_TABLES = Run.metadata.tables
_RUNS: Table = _TABLES["runs"]
_STEPS: Table = _TABLES["steps"]
_CALLS: Table = _TABLES["tool_calls"]
_APPROVALS: Table = _TABLES["approvals"]
_MESSAGES: Table = _TABLES["messages"]
_CONVERSATIONS: Table = _TABLES["conversations"]

# Not IN: what is carried out for many rows at once can't have that.
_LIVE = or_(_RUNS.c.status == "queued", _RUNS.c.status == "running")
_OF_ATTEMPT = (_RUNS.c.id == bindparam("run"), _RUNS.c.attempt == bindparam("by"), _LIVE)
_NOTE_SEQ = update(_RUNS).where(*_OF_ATTEMPT).values(seq=bindparam("at_seq"))
_CLAIM = _NOTE_SEQ.values(usage=bindparam("so_far"))
_END = (
    update(_RUNS)
    .where(_RUNS.c.id == bindparam("run"))
    .values(
        status=bindparam("outcome"),
        error_code=bindparam("code"),
        error_message=bindparam("said"),
        retryable=bindparam("again"),
        finished_at=bindparam("at"),
    )
)
_FAIL_CALLS = (
    update(_CALLS)
    .where(_CALLS.c.run_id == bindparam("run"), _CALLS.c.status == "started")
    .values(status="failed", error=bindparam("said"))
)
_CLOSE_APPROVALS = (
    update(_APPROVALS)
    .where(_APPROVALS.c.run_id == bindparam("run"), _APPROVALS.c.status == "waiting")
    .values(status="expired")
)
_ANSWER = (
    update(_MESSAGES)
    .where(_MESSAGES.c.id == bindparam("message"))
    .values(content=bindparam("answer"))
)
_TOUCH = (
    update(_CONVERSATIONS)
    .where(_CONVERSATIONS.c.id == bindparam("conversation"))
    .values(updated_at=bindparam("at"))
)


_ALL_LIVE = select(func.count()).select_from(_RUNS).where(_LIVE)
_COUNTED = select(
    _ALL_LIVE.where(_RUNS.c.user_id == bindparam("person")).scalar_subquery(),
    _ALL_LIVE.scalar_subquery(),
    _ALL_LIVE.where(_RUNS.c.conversation_id == bindparam("conversation")).scalar_subquery(),
    select(func.max(_MESSAGES.c.position))
    .where(_MESSAGES.c.conversation_id == bindparam("conversation"))
    .scalar_subquery(),
)


def counted(user_id: str, conversation_id: str) -> tuple[int, int, int, int]:
    """How many answers are being written: the person's, everybody's, and the conversation's; and
    the last position in the conversation."""
    asked = {"person": user_id, "conversation": conversation_id}
    own, every, here, last = db.session.execute(_COUNTED, asked).one()
    return own, every, here, last or 0


def add_question(conversation_id: str, position: int, text: str) -> None:
    db.session.execute(insert(_MESSAGES), _message(new_id(), conversation_id, position, text))
    db.session.execute(_TOUCH, {"conversation": conversation_id, "at": now()})


def add_run(run: Run, position: int, terms: dict[str, Any]) -> None:
    """The run, with the lease's `terms`, and the message that is to hold its answer."""
    message = _message(run.answer_id, run.conversation_id, position, "", role="assistant")
    db.session.execute(insert(_MESSAGES), message)
    names = ("id", "user_id", "asked_as", "conversation_id", "answer_id", "status", "attempt")
    row = {name: getattr(run, name) for name in names}
    db.session.execute(insert(_RUNS).values(terms), row)


def _message(
    id: str, conversation_id: str, position: int, text: str, role: str = "user"
) -> dict[str, Any]:
    return {
        "id": id,
        "conversation_id": conversation_id,
        "position": position,
        "role": role,
        "content": text,
    }


def claim(run_id: str, attempt: int, seq: int, usage: dict[str, int] | None) -> bool:
    """Lock the run's row for this attempt until the transaction's end; False when another attempt
    has it, or it has ended."""
    row = {"run": run_id, "by": attempt, "at_seq": seq, "so_far": usage}
    return bool(db.session.execute(_CLAIM, row).rowcount)  # type: ignore[attr-defined]


def save_step(run_id: str, attempt: int, number: int, text: str, *, finished: bool) -> None:
    db.session.execute(_upsert(finished), _step(run_id, attempt, number, text))


def save_texts(texts: Sequence[tuple[str, int, int, int, str]]) -> None:
    """Store the texts so far of steps in hand: (run id, attempt, seq, step's number, text) each.
    One whose attempt is over changes nothing."""
    connection = db.session.connection()
    seqs = [{"run": run, "by": attempt, "at_seq": seq} for run, attempt, seq, _, _ in texts]
    connection.execute(_NOTE_SEQ, seqs)
    steps = [_step(run, attempt, number, text) for run, attempt, _, number, text in texts]
    connection.execute(_upsert(False), steps)


def _step(run_id: str, attempt: int, number: int, text: str) -> dict[str, Any]:
    return {"run": run_id, "by": attempt, "step": number, "so_far": text}


def _upsert(finished: bool) -> Any:
    return _upserts(db.engine.dialect.name)[finished]


@cache
def _upserts(dialect: str) -> dict[bool, Any]:
    make = postgresql.insert if dialect == "postgresql" else sqlite.insert
    return {finished: _upsert_by(make, finished) for finished in (False, True)}


def _upsert_by(make: Any, finished: bool) -> Any:
    """A step that has finished stays as it is: its text was stored while an older one waited."""
    of_attempt = select(
        _RUNS.c.id,
        bindparam("step", type_=_STEPS.c.number.type),
        bindparam("so_far", type_=_STEPS.c.text.type),
        literal(finished),
    ).where(*_OF_ATTEMPT)
    given = make(_STEPS).from_select(["run_id", "number", "text", "finished"], of_attempt)
    return given.on_conflict_do_update(
        index_elements=[_STEPS.c.run_id, _STEPS.c.number],
        set_={"text": given.excluded.text, "finished": given.excluded.finished},
        where=_STEPS.c.finished.is_(False),
    )


def end(
    run_id: str, outcome: Outcome, code: str | None, said: str | None, *, retryable: bool
) -> None:
    """How the run ended. Nothing of it can be approved any more."""
    row = {"run": run_id, "outcome": outcome, "code": code, "said": said, "again": retryable}
    db.session.execute(_END, row | {"at": now()})
    db.session.execute(_CLOSE_APPROVALS, {"run": run_id})


def fail_calls(run_id: str, why: str) -> None:
    """Calls without a result have failed."""
    db.session.execute(_FAIL_CALLS, {"run": run_id, "said": why})


def save_answer(message_id: str, conversation_id: str, text: str) -> None:
    db.session.execute(_ANSWER, {"message": message_id, "answer": text})
    db.session.execute(_TOUCH, {"conversation": conversation_id, "at": now()})
