"""The messages that a model gets: rules, who asks, and as much of the conversation as fits.

The rules come first, then the instructions of each tool service. These bytes are the same for
everybody, and so are the tools: an endpoint that has read them once can use that for the next
person's request.

An exchange is a question with its answer. Neither is ever cut, only files are: exchanges are left
out from the oldest on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import groupby
from typing import Any

from flask import render_template
from sqlalchemy import Row, and_, bindparam, exists, select

from app.agent.messages import Message, size_for_model, turn_messages
from app.agent.usage import tokens_for
from app.db.file_models import QuestionFile
from app.db.models import REFUSED, Person, Run, Step, ToolCall, db
from app.db.models import Message as StoredMessage
from app.runs.prompt_files import ObjectContents, PromptFiles
from app.runs.replay import BETWEEN_STEPS, past_turn

Messages = list[Message]

_MOST_STORED_MESSAGES = 400
_FIRST_BATCH = 50
FIRST_ANSWER = 2  # its position
_UNFINISHED = Message("assistant", "(This answer was not finished.)")

# Columns of tables, since attributes of mapped classes make the ORM build objects.
_MESSAGES, _RUNS = StoredMessage.__table__.c, Run.__table__.c
_STEPS, _CALLS, _FILES = Step.__table__.c, ToolCall.__table__.c, QuestionFile.__table__.c
_NEWEST_MESSAGES = (
    select(
        *_MESSAGES["id", "position", "role", "content"],
        and_(_MESSAGES.role == "user", exists().where(_FILES.question_id == _MESSAGES.id)).label(
            "has_files"
        ),
    )
    .where(
        _MESSAGES.conversation_id == bindparam("conversation"),
        _MESSAGES.position < bindparam("before"),
        _MESSAGES.superseded.is_(False),
    )
    .order_by(_MESSAGES.position.desc())
    .limit(bindparam("count"))
    .subquery()
)
# One statement for everything, built once. Display parts can be large, and no model reads them.
_NEWEST_ROWS = (
    select(
        *_NEWEST_MESSAGES.c["position", "role", "content", "has_files"],
        _NEWEST_MESSAGES.c.id.label("message_id"),
        *_STEPS["number", "text"],
        *_CALLS["id", "name", "arguments", "changed", "status", "result", "error", "duration_ms"],
        ToolCall.__mapper__.columns["edited"].label("edited"),
    )
    .outerjoin(Run.__table__, _RUNS.answer_id == _NEWEST_MESSAGES.c.id)
    .outerjoin(Step.__table__, _STEPS.run_id == _RUNS.id)
    .outerjoin(
        ToolCall.__table__, (_CALLS.run_id == _RUNS.id) & (_CALLS.step_number == _STEPS.number)
    )
    .order_by(_NEWEST_MESSAGES.c.position.desc(), _STEPS.number, _CALLS.position)
)


@dataclass(frozen=True)
class ServicesNow:
    """What the services tell models, by their names, and the names of those that are away."""

    instructions: Mapping[str, str] = field(default_factory=dict)
    away: Sequence[str] = ()


def messages_for(
    person: Person,
    conversation_id: str,
    position: int,
    token_budget: int,
    services: ServicesNow,
    question: str | None = None,
    *,
    sees_images: bool = False,
    contents: ObjectContents | None = None,
) -> Messages:
    """Return the messages that ask for the answer at this position of a conversation.

    `question` is the one to be answered, if it is at hand: nothing has to be read then for the
    first one of a conversation. Images are loaded if the model `sees_images`. If any of the
    `contents` are missing afterwards, the messages can't be used: they have to be fetched first.
    """
    rules = render_template("prompts/system.md", services=services.instructions)
    about = render_template(
        "prompts/person.md", person=person, today=date.today(), away=services.away
    )
    files = PromptFiles(token_budget // 2, contents or ObjectContents(), sees=sees_images)
    exchanges: Iterable[Messages] = _exchanges(conversation_id, position, files)
    if question is not None and position == FIRST_ANSWER:
        exchanges = [[Message("user", question)]]
    told = [Message("system", rules), Message("system", about)]
    return [*told, *_newest_that_fit(exchanges, token_budget)]


def _exchanges(conversation_id: str, position: int, files: PromptFiles) -> Iterator[Messages]:
    """Yield the exchanges before this position, the newest first."""
    answer: Messages = []
    for rows in _stored_messages(conversation_id, position):
        if rows[0].role == "assistant":
            answer = _answer(rows)
        else:
            attached = files.of(rows[0].message_id) if rows[0].has_files else ()
            yield [Message("user", rows[0].content, files=attached), *answer]
            answer = []


def _stored_messages(conversation_id: str, position: int) -> Iterator[list[Row[Any]]]:
    """Yield the rows of each message, the newest first.

    They are read in batches that grow, as they are needed: the last few messages are usually all
    that fits, however long the conversation is.
    """
    left, batch = _MOST_STORED_MESSAGES, _FIRST_BATCH
    while left:
        count = min(batch, left)
        values = {"conversation": conversation_id, "before": position, "count": count}
        rows: Sequence[Any] = db.session.execute(_NEWEST_ROWS, values).all()
        messages = [list(same) for _, same in groupby(rows, lambda row: row.position)]
        yield from messages
        if len(messages) < count:
            return
        position, left, batch = rows[-1].position, left - count, batch * 2


def _answer(rows: list[Row[Any]]) -> Messages:
    """Return the messages of an answer's steps; the last one is always the assistant's."""
    messages: Messages = []
    for _, step in groupby(rows, lambda row: row.number):
        new = _step_messages(list(step))
        if new and messages and messages[-1].role == "assistant":
            # A step whose calls are left out. Some endpoints refuse two answers in a row.
            text = BETWEEN_STEPS.join(filter(None, (messages.pop().text, new[0].text)))
            new[0] = replace(new[0], text=text)
        messages += new
    if not messages or messages[-1].role == "tool":
        messages.append(_UNFINISHED)
    return messages


def _step_messages(rows: list[Row[Any]]) -> Messages:
    """Return the messages of one step, given a row for each of its calls or one without a call.

    Calls that came to nothing are left out: a small model would take them for an example.
    """
    calls = [row for row in rows if row.id and row.status != REFUSED]
    if not rows[0].text and not calls:
        return []
    return turn_messages(*past_turn(rows[0].text, calls, display=False))


def _newest_that_fit(exchanges: Iterable[Messages], budget: int) -> Messages:
    """Return the newest exchanges that fit into the budget, in order; the newest one always."""
    kept: list[Messages] = []
    for exchange in exchanges:
        budget -= tokens_for(size_for_model(exchange))
        if kept and budget < 0:
            break
        kept.append(exchange)
    return [message for exchange in reversed(kept) for message in exchange]
