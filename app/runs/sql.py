"""The statements that store a run while it is produced.

They are built once, since that takes longer than executing them, and they bypass the ORM's objects.
All of them belong to the current transaction. Names of parameters differ from those of columns,
which SQLAlchemy wants.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

from sqlalchemy import Float, Table, bindparam, case, exists, insert, literal, or_, select, update

from app.agent.events import Outcome, Thinking
from app.agent.usage import Usage
from app.conversations.changes import TEMPORARY_FOR
from app.conversations.ownership import IS_THERE
from app.db.clock import epoch
from app.db.models import Run, db, new_id, utc_now
from app.db.queue_models import QueuedQuestion
from app.errors import HomestreamError
from app.grounding.figure import Figure, figures_to_json

_TABLES = QueuedQuestion.metadata.tables
_RUNS: Table = _TABLES["runs"]
_STEPS: Table = _TABLES["steps"]
_CALLS: Table = _TABLES["tool_calls"]
_APPROVALS: Table = _TABLES["approvals"]
_MESSAGES: Table = _TABLES["messages"]
_CONVERSATIONS: Table = _TABLES["conversations"]

_OF_ATTEMPT = (_RUNS.c.id == bindparam("run"), _RUNS.c.attempt == bindparam("of_attempt"))
_SET_SEQ = update(_RUNS).where(*_OF_ATTEMPT, Run.live).values(seq=bindparam("at_seq"))
_LOCK_ATTEMPT = _SET_SEQ.values(usage=bindparam("new_usage"))
_END = _LOCK_ATTEMPT.values(
    status=bindparam("outcome"),
    error_code=bindparam("code"),
    error_message=bindparam("reason"),
    error_detail=bindparam("detail"),
    retryable=bindparam("can_retry"),
    finished_at=bindparam("now"),
    figures=bindparam("new_figures"),
)
_WAS_DECIDED = exists().where(
    _APPROVALS.c.run_id == _RUNS.c.id,
    _APPROVALS.c.status != "waiting",
    _CALLS.c.id == _APPROVALS.c.call_id,
    _CALLS.c.status == "started",
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
    .values(status="failed", error=bindparam("reason"))
)
_EXPIRE_APPROVALS = (
    update(_APPROVALS)
    .where(_APPROVALS.c.run_id == bindparam("run"), _APPROVALS.c.status == "waiting")
    .values(status="expired")
)
_QUEUE: Table = _TABLES["queued_questions"]
_URGENT = _QUEUE.alias("urgent_questions")
_HOLD_QUEUE = (
    update(_QUEUE)
    .where(
        _QUEUE.c.conversation_id
        == select(_RUNS.c.conversation_id).where(_RUNS.c.id == bindparam("run")).scalar_subquery(),
        _QUEUE.c.held.is_(False),
        ~exists().where(
            _URGENT.c.conversation_id == _QUEUE.c.conversation_id, _URGENT.c.urgent.is_(True)
        ),
    )
    .values(held=True, reason=bindparam("why"))
)
_SAVE_ANSWER = (
    update(_MESSAGES)
    .where(_MESSAGES.c.id == bindparam("message"))
    .values(content=bindparam("final_text"))
)
_TOUCH_CONVERSATION = (
    update(_CONVERSATIONS)
    .where(_CONVERSATIONS.c.id == bindparam("conversation"), IS_THERE)
    .values(updated_at=bindparam("now"))
)
_CHOOSE_MODEL = (
    update(_CONVERSATIONS)
    .where(_CONVERSATIONS.c.id == bindparam("conversation"))
    .values(model=bindparam("new_model"))
)
_ADD_CONVERSATION = insert(_CONVERSATIONS)
_ADD_MESSAGES = insert(_MESSAGES)
_ADD_RUN = insert(_RUNS).values(lease_until=epoch() + bindparam("seconds", type_=Float))


class TextSoFar(NamedTuple):
    """The text of a step that is being written, up to the event `seq`."""

    run_id: str
    attempt: int
    seq: int
    step: int
    text: str


def add_conversation(user_id: str, title: str, *, temporary: bool = False) -> str:
    """Add a conversation and return its id. A temporary one is deleted for good after a while."""
    row = {"id": new_id(), "user_id": user_id, "title": title}
    place = {"shelf": "temporary", "delete_at": utc_now() + TEMPORARY_FOR} if temporary else {}
    db.session.execute(_ADD_CONVERSATION, row | place)
    return row["id"]


def choose_model(conversation_id: str, model: str) -> None:
    """Note the model that the person has chosen for a conversation."""
    chosen = {"conversation": conversation_id, "new_model": model}
    db.session.execute(_CHOOSE_MODEL, chosen)


def add_run(
    run: Run, position: int, worker: str, seconds: float, question: str | None = None
) -> bool:
    """Add the run, leased to a worker for so many seconds, and at `position` the message for its
    answer; before that the `question`, if it is not stored yet. The question's message has the
    run's id, which its files and a queued question know beforehand. False, and nothing is added, if
    the conversation was deleted meanwhile."""
    at = utc_now()
    touched = {"conversation": run.conversation_id, "now": at}
    if not db.session.execute(_TOUCH_CONVERSATION, touched).rowcount:  # type: ignore[attr-defined]
        return False

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
        messages.insert(0, message(run.id, position - 1, "user", question))
    db.session.execute(_ADD_MESSAGES, messages)
    run.created_at = at
    names = (
        "id",
        "user_id",
        "conversation_id",
        "answer_id",
        "status",
        "model",
        "attempt",
        "created_at",
    )
    row = {name: getattr(run, name) for name in names} | {"asked_as": run.idempotency_key}
    db.session.execute(_ADD_RUN, row | {"worker": worker, "seconds": seconds})
    return True


def lock_attempt(run_id: str, attempt: int, seq: int, usage: Usage | None) -> bool:
    """Lock the run's row until the transaction's end. False if another attempt has the run, or it
    has ended."""
    row = {"run": run_id, "of_attempt": attempt, "at_seq": seq, "new_usage": _counts(usage)}
    return bool(db.session.execute(_LOCK_ATTEMPT, row).rowcount)  # type: ignore[attr-defined]


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
    thinking: Thinking | None = None,
) -> None:
    """Store a step's text if the attempt is in force; with `live`, only if the run has not ended
    either. `model` is the one that wrote it, once it has finished."""
    row = _step_row(run_id, attempt, number, text, model, thinking)
    db.session.execute(_upsert_step(finished, live), row)


def save_texts(texts: Sequence[TextSoFar]) -> None:
    """Store texts so far, each if its attempt is in force."""
    connection = db.session.connection()
    seqs = [{"run": text.run_id, "of_attempt": text.attempt, "at_seq": text.seq} for text in texts]
    connection.execute(_SET_SEQ, seqs)
    steps = [_step_row(text.run_id, text.attempt, text.step, text.text) for text in texts]
    connection.execute(_upsert_step(False, True), steps)


def _step_row(
    run_id: str,
    attempt: int,
    number: int,
    text: str,
    model: str | None = None,
    thinking: Thinking | None = None,
) -> dict[str, Any]:
    return {
        "run": run_id,
        "of_attempt": attempt,
        "step": number,
        "new_text": text,
        "model": model,
        "thoughts": thinking.thoughts if thinking else None,
        "thought_seconds": thinking.seconds if thinking else None,
    }


def _upsert_step(finished: bool, live: bool) -> Any:
    return _build_upsert(db.engine.dialect.name, finished, live)


@cache
def _build_upsert(dialect: str, finished: bool, live: bool) -> Any:
    """A finished step stays as it is, since an older text may be stored after it."""
    columns = ("text", "finished", "model", "thoughts", "thought_seconds")
    insert_into = import_module(f"sqlalchemy.dialects.{dialect}").insert
    of_attempt = select(
        _RUNS.c.id,
        bindparam("step", type_=_STEPS.c.number.type),
        bindparam("new_text", type_=_STEPS.c.text.type),
        literal(finished),
        *(bindparam(name, type_=_STEPS.c[name].type) for name in columns[2:]),
    ).where(*_OF_ATTEMPT, *([Run.live] if live else []))
    new = insert_into(_STEPS).from_select(["run_id", "number", *columns], of_attempt)
    return new.on_conflict_do_update(
        index_elements=[_STEPS.c.run_id, _STEPS.c.number],
        set_={name: new.excluded[name] for name in columns},
        where=_STEPS.c.finished.is_(False),
    )


def suspend(run_id: str, attempt: int) -> None:
    """Let the run wait for its person, or queue it if it can go on already. Needs `lock_attempt`
    before it: a decision then either was stored before, and is seen here, or comes after, and
    queues the run itself."""
    db.session.execute(_SUSPEND, {"run": run_id, "of_attempt": attempt})


def end(
    run_id: str,
    attempt: int,
    seq: int,
    usage: Usage | None,
    outcome: Outcome,
    error: HomestreamError | None,
    ended_at: datetime,
    figures: Iterable[Figure] = (),
) -> bool:
    """Store how the run ended. False, and nothing is changed, where `lock_attempt` is False."""
    row = {
        "run": run_id,
        "of_attempt": attempt,
        "at_seq": seq,
        "new_usage": _counts(usage),
        "outcome": outcome,
        "code": error.code if error else None,
        "reason": error.message if error else None,
        "detail": error.detail if error else None,
        "can_retry": error is not None and error.retryable,
        "now": ended_at,
        "new_figures": figures_to_json(figures) or None,
    }
    return bool(db.session.execute(_END, row).rowcount)  # type: ignore[attr-defined]


def end_calls(run_id: str, reason: str) -> None:
    """Let the calls without a result fail, and the undecided approvals expire."""
    db.session.execute(_EXPIRE_APPROVALS, {"run": run_id})
    db.session.execute(_FAIL_CALLS, {"run": run_id, "reason": reason})


def hold_queue(run_id: str, reason: str | None) -> None:
    """Let the questions queued in the run's conversation wait for their person, unless one of them
    is urgent: the run was stopped for that one, then."""
    db.session.execute(_HOLD_QUEUE, {"run": run_id, "why": reason})


def save_answer(message_id: str, text: str) -> None:
    db.session.execute(_SAVE_ANSWER, {"message": message_id, "final_text": text})
