"""What the model is told: the system prompt, and as much of the conversation as fits."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import date
from itertools import groupby
from typing import Any

from flask import render_template
from sqlalchemy import Row, bindparam, select

from app.agent.messages import turn_messages
from app.agent.tool_results import estimate_tokens
from app.db.models import Message, Person, Run, Step, ToolCall, db
from app.runs.replay import past_turn

Messages = list[dict[str, Any]]
"""What the model is told, as the chat completions API wants it."""

_MOST_MESSAGES = 400
_FIRST_BATCH = 50
_FIRST_ANSWER = 2  # its position

# Columns, not the attributes of objects: whatever names one of these goes by way of the ORM.
_ALL, _RUNS = Message.__table__.c, Run.__table__.c
_STEPS, _CALLS = Step.__table__.c, ToolCall.__table__.c
_MESSAGES = (
    select(*_ALL["id", "position", "role", "content"])
    .where(
        _ALL.conversation_id == bindparam("conversation"),
        _ALL.position < bindparam("before"),
        _ALL.superseded.is_(False),
    )
    .order_by(_ALL.position.desc())
    .limit(bindparam("count"))
    .subquery()
)
# One question for all of it, put together once. What a person was shown the model never sees, and
# it can be large.
_SAID = (
    select(
        *_MESSAGES.c["position", "role", "content"],
        *_STEPS["number", "text"],
        *_CALLS["id", "name", "arguments", "changed", "status", "result", "error", "duration_ms"],
    )
    .outerjoin(Run.__table__, _RUNS.answer_id == _MESSAGES.c.id)
    .outerjoin(Step.__table__, _STEPS.run_id == _RUNS.id)
    .outerjoin(
        ToolCall.__table__, (_CALLS.run_id == _RUNS.id) & (_CALLS.step_number == _STEPS.number)
    )
    .order_by(_MESSAGES.c.position.desc(), _STEPS.number, _CALLS.position)
)


def messages_for(
    person: Person,
    conversation_id: str,
    position: int,
    token_budget: int,
    away: list[str],
    question: str | None = None,
) -> Messages:
    """The chat messages that ask for the answer at this position of the person's conversation.
    `away` names the services that are down; the `question` that is to be answered need not be
    given, but a conversation that begins with it need not be read then."""
    prompt = render_template("prompts/system.md", person=person, today=date.today(), away=away)
    turns: Iterable[Messages] = _turns(conversation_id, position)
    if question is not None and position == _FIRST_ANSWER:
        turns = [[{"role": "user", "content": question}]]
    return [{"role": "system", "content": prompt}, *_newest(turns, token_budget)]


def _turns(conversation_id: str, position: int) -> Iterator[Messages]:
    """The conversation before this position, newest turn first: a question and its answer."""
    answer: Messages = []
    for message in _messages_before(conversation_id, position):
        if message[0].role == "assistant":
            answer = _answer(message)
        else:
            yield [{"role": "user", "content": message[0].content}, *answer]
            answer = []


def _messages_before(conversation_id: str, position: int) -> Iterator[list[Row[Any]]]:
    """Each message's rows, newest first, fetched only as they are wanted: the last few are all that
    mostly fits, however long the conversation is."""
    left, batch = _MOST_MESSAGES, _FIRST_BATCH
    while left:
        count = min(batch, left)
        asked = {"conversation": conversation_id, "before": position, "count": count}
        rows = db.session.execute(_SAID, asked).all()
        messages = [list(same) for _, same in groupby(rows, lambda row: row.position)]
        yield from messages
        if len(messages) < count:
            return
        position, left, batch = rows[-1].position, left - count, batch * 2


def _answer(message: list[Row[Any]]) -> Messages:
    messages = [
        said for _, rows in groupby(message, lambda row: row.number) for said in _step(list(rows))
    ]
    if not messages or messages[-1]["role"] == "tool":
        messages.append({"role": "assistant", "content": "(This answer was not finished.)"})
    return messages


def _step(rows: list[Row[Any]]) -> Messages:
    calls = [row for row in rows if row.id]
    if not rows[0].text and not calls:
        return []
    turn, ends = past_turn(rows[0].text, calls, display=False)
    return turn_messages(turn.text, turn.calls, ends)


def _newest(turns: Iterable[Messages], budget: int) -> Messages:
    """Whole turns from the newest back, in order, while they fit; the newest always."""
    kept: list[Messages] = []
    for turn in turns:
        budget -= _tokens(turn)
        if kept and budget < 0:
            break
        kept.insert(0, turn)
    return [message for turn in kept for message in turn]


def _tokens(turn: Messages) -> int:
    return estimate_tokens(json.dumps(turn, ensure_ascii=False))
