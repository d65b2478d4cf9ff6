"""What is stored of a run while it is written: statements that every answer needs several times.

They are put together once, since that takes longer than carrying them out, and they go past the
ORM's objects. All of them belong to the current transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    Float,
    Table,
    bindparam,
    case,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from app.agent.events import Outcome
from app.agent.usage import Usage
from app.db.models import Run, db, new_id, utc_now
from app.errors import HomestreamError
from app.runs.leases import epoch

_TABLES = Run.metadata.tables
_RUNS: Table = _TABLES["runs"]
_STEPS: Table = _TABLES["steps"]
_CALLS: Table = _TABLES["tool_calls"]
_APPROVALS: Table = _TABLES["approvals"]
_MESSAGES: Table = _TABLES["messages"]
_USERS: Table = _TABLES["users"]
_CONVERSATIONS: Table = _TABLES["conversations"]

_OF_ATTEMPT = (_RUNS.c.id == bindparam("run"), _RUNS.c.attempt == bindparam("by"))
_NOTE_SEQ = update(_RUNS).where(*_OF_ATTEMPT, Run.live).values(seq=bindparam("at_seq"))
_CLAIM = _NOTE_SEQ.values(usage=bindparam("so_far"))
_END = _CLAIM.values(
    status=bindparam("outcome"),
    error_code=bindparam("code"),
    error_message=bindparam("said"),
    retryable=bindparam("again"),
    finished_at=bindparam("at"),
)
# Evaluated after the row was locked: a decision comes either before that, and is seen here, or
# after the run was suspended, and queues it.
_WAS_DECIDED = (
    exists()
    .where(_APPROVALS.c.run_id == _RUNS.c.id, _APPROVALS.c.status != "waiting")
    .where(_CALLS.c.id == _APPROVALS.c.call_id, _CALLS.c.status == "started")
)
_SUSPEND = (
    update(_RUNS)
    .where(*_OF_ATTEMPT)
    .values(
        status=case((or_(_RUNS.c.stop_asked, _WAS_DECIDED), "queued"), else_="waiting"),
        worker=None,
        lease_until=0,
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


_LOCK = (
    select(_USERS.c.id).where(_USERS.c.id == bindparam("person")).with_for_update(key_share=True)
)
_ADD_CONVERSATION = insert(_CONVERSATIONS)
_ADD_MESSAGES = insert(_MESSAGES)
_ADD_RUN = insert(_RUNS).values(lease_until=epoch() + bindparam("held_for", type_=Float))

_COUNT = select(func.count()).select_from(_RUNS)
_RUNNING = _RUNS.c.status == "running"
_QUEUED = _RUNS.c.status == "queued"
_COUNTED = select(
    _COUNT.where(_RUNS.c.user_id == bindparam("person"), or_(_RUNNING, _QUEUED)).scalar_subquery(),
    _COUNT.where(_RUNNING).scalar_subquery(),
    select(_RUNS.c.status)
    .where(_RUNS.c.conversation_id == bindparam("conversation"), Run.live)
    .limit(1)
    .scalar_subquery(),
    select(func.max(_MESSAGES.c.position))
    .where(_MESSAGES.c.conversation_id == bindparam("conversation"))
    .scalar_subquery(),
    select(_CONVERSATIONS.c.user_id)
    .where(_CONVERSATIONS.c.id == bindparam("conversation"))
    .scalar_subquery(),
    select(_RUNS.c.id)
    .where(_RUNS.c.user_id == bindparam("person"), _RUNS.c.asked_as == bindparam("key"))
    .scalar_subquery(),
)


class Counted(NamedTuple):
    """What a question's admission depends on: how many answers are being written, the person's
    (with those that will be next) and everybody's; the status of the conversation's run that has
    not ended; the last position in the conversation and whose it is; and the run that was asked for
    by the same key. Runs that wait for their person count for nothing."""

    own: int
    every: int
    here: str | None
    last: int
    owner: str | None
    known: str | None


def lock(user_id: str) -> None:
    """The person's row, until the transaction's end, where two transactions can write at once: with
    SQLite nothing comes between what one of them does."""
    if db.engine.dialect.name != "sqlite":
        db.session.execute(_LOCK, {"person": user_id})


def counted(user_id: str, conversation_id: str, asked_as: str | None = None) -> Counted:
    asked = {"person": user_id, "conversation": conversation_id, "key": asked_as}
    own, every, here, last, owner, known = db.session.execute(_COUNTED, asked).one()
    return Counted(own, every, here, last or 0, owner, known)


def add_conversation(user_id: str, title: str) -> str:
    """A new conversation's id."""
    row = {"id": new_id(), "user_id": user_id, "title": title}
    db.session.execute(_ADD_CONVERSATION, row)
    return row["id"]


def add_run(
    run: Run, position: int, worker: str, held_for: float, question: str | None = None
) -> None:
    """The run, held by a worker for so many seconds, and the message at `position` that is to
    hold its answer; before it the `question`, unless that is there already."""
    at = utc_now()

    def message(id: str, position: int, role: str, content: str) -> dict[str, Any]:
        return {
            "id": id,
            "conversation_id": run.conversation_id,
            "position": position,
            "role": role,
            "content": content,
            "superseded": False,
            "created_at": at,
        }

    messages = [message(run.answer_id, position, "assistant", "")]
    if question is not None:
        messages.insert(0, message(new_id(), position - 1, "user", question))
    db.session.execute(_ADD_MESSAGES, messages)
    db.session.execute(_TOUCH, {"conversation": run.conversation_id, "at": at})
    names = ("id", "user_id", "conversation_id", "answer_id", "status", "attempt")
    row = {name: getattr(run, name) for name in names} | {"asked_as": run.idempotency_key}
    db.session.execute(_ADD_RUN, row | {"worker": worker, "held_for": held_for})


def claim(run_id: str, attempt: int, seq: int, usage: Usage | None) -> bool:
    """Lock the run's row for this attempt until the transaction's end; False when another attempt
    has it, or it has ended."""
    row = {"run": run_id, "by": attempt, "at_seq": seq, "so_far": _counts(usage)}
    return bool(db.session.execute(_CLAIM, row).rowcount)  # type: ignore[attr-defined]


def _counts(usage: Usage | None) -> dict[str, int] | None:
    return None if usage is None else asdict(usage)


def save_step(
    run_id: str,
    attempt: int,
    number: int,
    text: str,
    *,
    finished: bool,
    model: str | None,
    live: bool = True,
) -> None:
    """Store a step's text, if the attempt is in force; with `live` only while the run is, too.
    `model` is the one that wrote it, once it has finished."""
    step = _step(run_id, attempt, number, text, model)
    db.session.execute(_upsert(finished, live), step)


def save_texts(texts: Sequence[tuple[str, int, int, int, str]]) -> None:
    """Store the texts so far of steps in hand: (run id, attempt, seq, step's number, text) each.
    One whose attempt is over changes nothing."""
    connection = db.session.connection()
    seqs = [{"run": run, "by": attempt, "at_seq": seq} for run, attempt, seq, _, _ in texts]
    connection.execute(_NOTE_SEQ, seqs)
    steps = [_step(run, attempt, number, text) for run, attempt, _, number, text in texts]
    connection.execute(_upsert(False, True), steps)


def _step(
    run_id: str, attempt: int, number: int, text: str, model: str | None = None
) -> dict[str, Any]:
    return {"run": run_id, "by": attempt, "step": number, "so_far": text, "model": model}


def _upsert(finished: bool, live: bool) -> Any:
    return _upsert_by(db.engine.dialect.name, finished, live)


@cache
def _upsert_by(dialect: str, finished: bool, live: bool) -> Any:
    """A step that has finished stays as it is: its text was stored while an older one waited."""
    make: Any = postgresql.insert if dialect == "postgresql" else sqlite.insert
    of_attempt = select(
        _RUNS.c.id,
        bindparam("step", type_=_STEPS.c.number.type),
        bindparam("so_far", type_=_STEPS.c.text.type),
        literal(finished),
        bindparam("model", type_=_STEPS.c.model.type),
    ).where(*_OF_ATTEMPT, *([Run.live] if live else []))
    given = make(_STEPS).from_select(["run_id", "number", "text", "finished", "model"], of_attempt)
    return given.on_conflict_do_update(
        index_elements=[_STEPS.c.run_id, _STEPS.c.number],
        set_={name: given.excluded[name] for name in ("text", "finished", "model")},
        where=_STEPS.c.finished.is_(False),
    )


def end(
    run_id: str,
    attempt: int,
    seq: int,
    usage: Usage | None,
    outcome: Outcome,
    error: HomestreamError | None,
) -> bool:
    """How the run ended; False, and nothing is changed, where `claim` would say so."""
    row = {
        "run": run_id,
        "by": attempt,
        "at_seq": seq,
        "so_far": _counts(usage),
        "outcome": outcome,
        "code": error.code if error else None,
        "said": error.message if error else None,
        "again": error is not None and error.retryable,
        "at": utc_now(),
    }
    return bool(db.session.execute(_END, row).rowcount)  # type: ignore[attr-defined]


def suspend(run_id: str, attempt: int) -> None:
    """Let the run wait for its person, without a worker, or for a worker if it can go on already.
    The attempt must hold the row (see `claim`)."""
    db.session.execute(_SUSPEND, {"run": run_id, "by": attempt})


def end_calls(run_id: str, why: str) -> None:
    """Calls without a result have failed, and none can be approved any more."""
    db.session.execute(_CLOSE_APPROVALS, {"run": run_id})
    db.session.execute(_FAIL_CALLS, {"run": run_id, "said": why})


def save_answer(message_id: str, text: str) -> None:
    db.session.execute(_ANSWER, {"message": message_id, "answer": text})
