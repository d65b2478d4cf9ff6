"""A person's conversations: load one, list them, and what of them a page shows.

Every query of a person's data goes through here, so that another person's id is as if unknown.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from app.answer import Answer, stored_events
from app.errors import InputError, NotFound
from app.event_log import EventLog
from app.models import Conversation, Message, Run, Step, db

TITLE_LENGTH = 60


@dataclass(frozen=True)
class Shown:
    """A message on a page: a question's text, or an answer."""

    role: str
    text: str
    answer: Answer | None = None


def conversations_of(user_id: str, limit: int = 200) -> list[Conversation]:
    """The newest first."""
    query = select(Conversation).where(Conversation.user_id == user_id)
    return list(db.session.scalars(query.order_by(Conversation.updated_at.desc()).limit(limit)))


def own_conversation(user_id: str, conversation_id: str) -> Conversation:
    """Raises NotFound when there is none, or it is another person's."""
    found = db.session.get(Conversation, conversation_id)
    if found is None or found.user_id != user_id:
        raise NotFound("There is no such conversation.")
    return found


def own_run(user_id: str, run_id: str) -> Run:
    """Raises NotFound when there is none, or it is another person's."""
    found = db.session.get(Run, run_id)
    if found is None or found.user_id != user_id:
        raise NotFound("There is no such answer.")
    return found


def new_conversation(user_id: str, question: str) -> Conversation:
    """Not stored yet; titled by its first question."""
    return Conversation(user_id=user_id, title=_title(question))


def checked_question(text: object, longest: int) -> str:
    """A question as it is stored. Raises InputError with a sentence."""
    question = text.replace("\0", "").strip() if isinstance(text, str) else ""
    if not question:
        raise InputError("Type a question first.")
    if len(question) > longest:
        raise InputError(f"That is {len(question):,} characters; at most {longest:,} fit.")
    return question


def _title(question: str) -> str:
    line = " ".join(question.split())
    if len(line) <= TITLE_LENGTH:
        return line
    return line[: TITLE_LENGTH - 1].rsplit(" ", 1)[0].rstrip(",.;:") + "…"


def shown_messages(conversation: Conversation, log: EventLog) -> list[Shown]:
    """The conversation as a page shows it; an answer being written as far as it has come."""
    rows = db.session.scalars(
        select(Message)
        .where(Message.conversation_id == conversation.id, Message.superseded.is_(False))
        .order_by(Message.position)
        .options(selectinload(Message.run).selectinload(Run.steps).selectinload(Step.calls))
    )
    return [
        Shown(row.role, row.content, answer_of(row.run, log) if row.run else None) for row in rows
    ]


def answer_of(run: Run, log: EventLog) -> Answer:
    entries = log.read(run.id, 0, 0) if run.live else None
    events = [entry.event for entry in entries] if entries else stored_events(run)
    return Answer(run.id).apply_all(events)
