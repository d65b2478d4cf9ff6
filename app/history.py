"""What the model is told: the system prompt, and as much of the conversation as fits."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any

from flask import render_template
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from app.agent import for_model, parsed
from app.events import Past, ToolCalled, ToolRequest, Turn, shown_from
from app.models import Message, Run, Step, ToolCall, User, db
from app.told import tokens, told

_MOST_MESSAGES = 400
_FIRST_BATCH = 50


def messages_for(run: Run, token_budget: int, away: list[str]) -> list[dict[str, Any]]:
    """The chat messages that ask for `run`'s answer. `away` names the services that are down."""
    person = db.session.get_one(User, run.user_id)
    prompt = render_template("prompts/system.md", person=person, today=date.today(), away=away)
    return [{"role": "system", "content": prompt}, *_newest(_turns(run), token_budget)]


def _turns(run: Run) -> Iterator[list[dict[str, Any]]]:
    """The conversation up to the run's question, newest turn first: a question and its answer."""
    answer: list[dict[str, Any]] = []
    for message in _messages_before(run.answer):
        if message.role == "assistant":
            answer = _answer(message)
        else:
            yield [{"role": "user", "content": message.content}, *answer]
            answer = []


def _messages_before(message: Message) -> Iterator[Message]:
    """Newest first, fetched only as they are wanted: the last few are all that mostly fits, however
    long the conversation is."""
    position, left, batch = message.position, _MOST_MESSAGES, _FIRST_BATCH
    while left:
        rows = _fetched(message.conversation_id, position, min(batch, left))
        yield from rows
        if len(rows) < batch:
            return
        position, left, batch = rows[-1].position, left - len(rows), batch * 2


def _fetched(conversation_id: str, before: int, count: int) -> Sequence[Message]:
    return db.session.scalars(
        select(Message)
        .where(
            Message.conversation_id == conversation_id,
            Message.position < before,
            Message.superseded.is_(False),
        )
        .order_by(Message.position.desc())
        .limit(count)
        .options(
            # What a person was shown the model never sees, and it can be large.
            selectinload(Message.run)
            .selectinload(Run.steps)
            .selectinload(Step.calls)
            .defer(ToolCall.shown)
        )
    ).all()


def _answer(message: Message) -> list[dict[str, Any]]:
    steps = message.run.steps if message.run else []
    messages = [said for step in steps for said in _step(step)]
    if not messages or messages[-1]["role"] == "tool":
        messages.append({"role": "assistant", "content": "(This answer was not finished.)"})
    return messages


def _step(step: Step) -> list[dict[str, Any]]:
    if not step.text and not step.calls:
        return []
    turn, calls = _past(step, shown=False)
    return for_model(turn.text, turn.calls, calls)


def _past(step: Step, *, shown: bool = True) -> Past:
    calls = tuple(ToolRequest(call.id, call.name, call.arguments) for call in step.calls)
    return Turn(step.text, calls), {call.id: ended(call, shown=shown) for call in step.calls}


def past_of(run: Run, *, unfinished: bool) -> list[Past]:
    """The steps of a run that another worker began: the finished ones, or the last one too."""
    return [_past(step) for step in run.steps if step.finished or unfinished]


def ended(call: ToolCall, *, shown: bool = True) -> ToolCalled:
    """A stored call as the event that last told of it, with what it showed if that is wanted."""
    return ToolCalled(
        id=call.id,
        tool=call.name,
        status=call.status,  # type: ignore[arg-type]
        arguments=(parsed(call.arguments) or {}) if call.changed is None else call.changed,
        result=call.result,
        error=call.error,
        duration_ms=call.duration_ms,
        tokens=tokens(told(call.result)) if call.status == "completed" else None,
        shown=shown_from(call.shown) if shown else (),
    )


def _newest(turns: Iterable[list[dict[str, Any]]], budget: int) -> list[dict[str, Any]]:
    """Whole turns from the newest back, in order, while they fit; the newest always."""
    kept: list[list[dict[str, Any]]] = []
    for turn in turns:
        budget -= _tokens(turn)
        if kept and budget < 0:
            break
        kept.insert(0, turn)
    return [message for turn in kept for message in turn]


def _tokens(turn: list[dict[str, Any]]) -> int:
    return tokens(json.dumps(turn, ensure_ascii=False))
