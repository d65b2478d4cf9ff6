"""A person's messages: the last ones, and counts of all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import selectinload

from app.conversations.ownership import IS_THERE, load_conversation
from app.db.models import Conversation, Message, Run, Step, db


@dataclass(frozen=True)
class HistorySummary:
    """Counts and times of a person's messages; the times are None while there is none."""

    questions: int
    answers: int
    conversations: int
    first_at: datetime | None
    last_at: datetime | None


def load_history(user_id: str, conversation_id: str | None, limit: int) -> list[Message]:
    """Load the person's last `limit` messages with their runs, the newest last.

    With `conversation_id` only those of that conversation; without, those of temporary ones are
    left out. Raises NotFound.
    """
    query = _messages_of(user_id, Message).order_by(
        Conversation.created_at.desc(), Conversation.id, Message.position.desc()
    )
    if conversation_id:
        load_conversation(user_id, conversation_id)
        query = query.where(Message.conversation_id == conversation_id)
    else:
        query = query.where(Conversation.shelf != "temporary")
    runs = selectinload(Message.run)
    models = runs.selectinload(Run.steps).load_only(Step.run_id, Step.number, Step.model)
    newest_first = db.session.scalars(query.limit(limit).options(runs, models))
    return list(newest_first)[::-1]


def summarize_history(user_id: str) -> HistorySummary:
    """Count the person's messages, without those of temporary conversations."""
    query = _messages_of(
        user_id,
        func.count().filter(Message.role == "user").label("questions"),
        func.count().filter(Message.role == "assistant").label("answers"),
        func.count(Message.conversation_id.distinct()).label("conversations"),
        func.min(Message.created_at).label("first_at"),
        func.max(Message.created_at).label("last_at"),
    ).where(Conversation.shelf != "temporary")
    return HistorySummary(**db.session.execute(query).one()._asdict())


def _messages_of(user_id: str, *columns: Any) -> Select[Any]:
    """Select from the person's messages, without superseded answers."""
    return (
        select(*columns)
        .select_from(Message)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(Conversation.user_id == user_id, IS_THERE, Message.superseded.is_(False))
    )
