"""A person's conversations: load one, list them, name them.

Pages and the API load a person's rows through these functions alone, so that another person's id
is answered like an unknown one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, func, select
from sqlalchemy.orm import selectinload

from app.db.models import Conversation, Message, Run, ToolCall, db
from app.errors import NotFound

TITLE_LENGTH = 60
_RUN_OWNER = select(Run.__table__.c.user_id).where(Run.__table__.c.id == bindparam("run"))


@dataclass(frozen=True)
class HistorySummary:
    """Counts and times of a person's messages; the times are None while there is none."""

    questions: int
    answers: int
    conversations: int
    first_at: datetime | None
    last_at: datetime | None


def list_conversations(user_id: str, limit: int = 200) -> list[Conversation]:
    """List the person's conversations, the latest first."""
    query = select(Conversation).where(Conversation.user_id == user_id)
    return list(db.session.scalars(query.order_by(Conversation.updated_at.desc()).limit(limit)))


def load_conversation(user_id: str, conversation_id: str) -> Conversation:
    """Load a conversation of the person's. Raises NotFound."""
    conversation = db.session.get(Conversation, conversation_id)
    if conversation is None or conversation.user_id != user_id:
        raise NotFound("There is no such conversation.")
    return conversation


def load_run(user_id: str, run_id: str) -> Run:
    """Load a run of the person's. Raises NotFound."""
    run = db.session.get(Run, run_id)
    if run is None or run.user_id != user_id:
        raise NotFound("There is no such answer.")
    return run


def check_run_owner(user_id: str, run_id: str) -> None:
    """Check that the run is the person's, without loading it. Raises NotFound."""
    if db.session.execute(_RUN_OWNER, {"run": run_id}).scalar() != user_id:
        raise NotFound("There is no such answer.")


def live_run(conversation: Conversation) -> Run | None:
    """Load the conversation's live run, if there is one."""
    return db.session.scalar(select(Run).where(Run.conversation_id == conversation.id, Run.live))


def load_tool_call(user_id: str, call_id: str) -> tuple[ToolCall, Run]:
    """Load a tool call of the person's, with its run. Raises NotFound."""
    query = select(ToolCall, Run).join(Run, Run.id == ToolCall.run_id)
    found = db.session.execute(query.where(ToolCall.id == call_id, Run.user_id == user_id)).first()
    if found is None:
        raise NotFound("There is no such result.")
    return found[0], found[1]


def load_history(user_id: str, conversation_id: str | None, limit: int) -> list[Message]:
    """Load the person's last `limit` messages with their runs, the newest last.

    With `conversation_id` only those of that conversation. Raises NotFound.
    """
    query = _messages_of(user_id, Message).order_by(
        Conversation.created_at.desc(), Conversation.id, Message.position.desc()
    )
    if conversation_id:
        load_conversation(user_id, conversation_id)
        query = query.where(Message.conversation_id == conversation_id)
    newest_first = db.session.scalars(query.limit(limit).options(selectinload(Message.run)))
    return list(newest_first)[::-1]


def summarize_history(user_id: str) -> HistorySummary:
    """Count the person's messages."""
    query = _messages_of(
        user_id,
        func.count().filter(Message.role == "user").label("questions"),
        func.count().filter(Message.role == "assistant").label("answers"),
        func.count(Message.conversation_id.distinct()).label("conversations"),
        func.min(Message.created_at).label("first_at"),
        func.max(Message.created_at).label("last_at"),
    )
    return HistorySummary(**db.session.execute(query).one()._asdict())


def _messages_of(user_id: str, *columns: Any) -> Select[Any]:
    """Select from the person's messages, without superseded answers."""
    return (
        select(*columns)
        .select_from(Message)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(Conversation.user_id == user_id, Message.superseded.is_(False))
    )


def make_title(question: str) -> str:
    """Return the title of a conversation that begins with this question."""
    line = " ".join(question.split())
    if len(line) <= TITLE_LENGTH:
        return line
    return line[: TITLE_LENGTH - 1].rsplit(" ", 1)[0].rstrip(",.;:") + "…"
