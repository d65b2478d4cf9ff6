"""Looks up the figures of an answer that has ended, in what the conversation has up to it."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from datetime import date
from itertools import accumulate
from typing import Any, NamedTuple

import gevent
from flask import Flask
from sqlalchemy import Text, bindparam, cast, func, select

from app.db.connection import begin_read_only, is_unavailable
from app.db.models import Message, Run, ToolCall, db
from app.grounding.answer import ground, know
from app.grounding.figure import Figure
from app.grounding.results import read_results

log = logging.getLogger(__name__)

MOST_CALLS = 100
MOST_RESULT_CHARS = 1_000_000
"""Characters of the results, as JSON, that are looked at: the newest."""
_MOST_QUESTIONS = 50
# Characters beyond which other answers go on meanwhile: so many can take over 10 ms.
_LARGE = 4_000
_DIGIT = re.compile(r"\d")

_MESSAGES, _RUNS, _CALLS = Message.__table__.c, Run.__table__.c, ToolCall.__table__.c
_ANSWER = select(_MESSAGES["conversation_id", "position"]).where(
    _MESSAGES.id == bindparam("answer")
)
_QUESTIONS = (
    select(_MESSAGES.content)
    .where(
        _MESSAGES.conversation_id == bindparam("conversation"),
        _MESSAGES.position < bindparam("at"),
        _MESSAGES.role == "user",
        _MESSAGES.superseded.is_(False),
    )
    .order_by(_MESSAGES.position.desc())
    .limit(_MOST_QUESTIONS)
)
_LENGTH = func.coalesce(func.length(cast(_CALLS.result, Text)), 0).label("length")
_CALLS_SO_FAR = (
    select(*_CALLS["id", "name", "status", "error"], _LENGTH)
    .join(Run.__table__, _RUNS.id == _CALLS.run_id)
    .join(Message.__table__, _MESSAGES.id == _RUNS.answer_id)
    .where(
        _RUNS.conversation_id == bindparam("conversation"),
        _MESSAGES.position <= bindparam("at"),
        _MESSAGES.superseded.is_(False),
    )
    .order_by(_MESSAGES.position.desc(), _CALLS.step_number.desc(), _CALLS.position.desc())
    .limit(MOST_CALLS + 1)
)


def figures_of(app: Flask, answer_id: str, text: str) -> tuple[Figure, ...]:
    """Return where the figures of an answer's text are from.

    An answer must end whatever happens, so if they can't be looked up there are none.
    """
    if not _DIGIT.search(text):
        return ()
    try:
        with app.app_context():
            begin_read_only()
            known = _load(answer_id)
        if len(text) + known.size <= _LARGE:
            return _look_up(text, known)
        found: tuple[Figure, ...] = gevent.get_hub().threadpool.apply(_look_up, (text, known))
        return found
    except Exception as error:
        if not is_unavailable(error):
            log.exception("the figures of answer %s could not be looked up", answer_id)
        return ()


class _Conversation(NamedTuple):
    """The conversation up to an answer: its questions, the id, tool and result of its calls, the
    newest first, and what failed calls said. `is_whole` says that these are all; `size` counts
    the characters of all."""

    questions: list[str]
    calls: list[tuple[str, str, Any]]
    errors: list[str]
    is_whole: bool
    size: int


def _load(answer_id: str) -> _Conversation:
    conversation_id, position = db.session.execute(_ANSWER, {"answer": answer_id}).one()
    values = {"conversation": conversation_id, "at": position}
    questions = list(db.session.scalars(_QUESTIONS, values))
    calls: Sequence[Any] = db.session.execute(_CALLS_SO_FAR, values).all()
    sizes = list(accumulate(call.length for call in calls[:MOST_CALLS]))
    kept = calls[: sum(size <= MOST_RESULT_CHARS for size in sizes)]
    results = dict(_results([call.id for call in kept if call.status == "completed"]))
    errors = [call.error for call in kept if call.error]
    of_results = sizes[len(kept) - 1] if kept else 0
    return _Conversation(
        questions,
        [(call.id, call.name, results[call.id]) for call in kept if call.id in results],
        errors,
        len(kept) == len(calls),
        of_results + sum(map(len, (*questions, *errors))),
    )


def _results(calls: list[str]) -> Iterable[tuple[str, Any]]:
    query = select(*_CALLS["id", "result"]).where(_CALLS.id.in_(calls))
    return [(row.id, row.result) for row in db.session.execute(query)] if calls else []


def _look_up(text: str, conversation: _Conversation) -> tuple[Figure, ...]:
    """Look up the figures of a text."""
    results = read_results(conversation.calls)
    told = [date.today().isoformat(), *conversation.errors]
    known = know(results, conversation.questions, told)
    is_whole = conversation.is_whole and results.is_whole
    # What is in results that were not looked at, nobody knows.
    return tuple(each for each in ground(text, known) if each.source != "none" or is_whole)
