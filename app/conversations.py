"""A person's conversations: load one, list them, and what of them a page shows.

Every query of a person's data goes through here, so that another person's id is as if unknown.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ScalarResult, bindparam, func, select
from sqlalchemy.orm import selectinload

from app.db.models import Conversation, Message, Run, Step, db
from app.errors import InputError, NotFound
from app.rendering.answer import Answer, stored_events
from app.runs.event_log import EventLog
from app.runs.leases import LIVE

TITLE_LENGTH = 60
PAGE_LENGTH = 50
"""Messages that a page shows at once. Even, so that a page ends and begins between exchanges."""


@dataclass(frozen=True)
class DisplayedMessage:
    """A message on a page: a question's text, or an answer."""

    role: str
    text: str
    answer: Answer | None = None


@dataclass(frozen=True)
class MessagePage:
    """Successive messages of a conversation. `earlier` and `newer` are the positions before which
    the stretches above and below it are; None where there is none."""

    messages: list[DisplayedMessage]
    earlier: int | None
    newer: int | None


def list_conversations(user_id: str, limit: int = 200) -> list[Conversation]:
    """The newest first."""
    query = select(Conversation).where(Conversation.user_id == user_id)
    return list(db.session.scalars(query.order_by(Conversation.updated_at.desc()).limit(limit)))


def load_conversation(user_id: str, conversation_id: str) -> Conversation:
    """Raises NotFound when there is none, or it is another person's."""
    found = db.session.get(Conversation, conversation_id)
    if found is None or found.user_id != user_id:
        raise NotFound("There is no such conversation.")
    return found


_OWNER = select(Run.__table__.c.user_id).where(Run.__table__.c.id == bindparam("run"))


def check_run_owner(user_id: str, run_id: str) -> None:
    """What own_run says, for who needs no more of it. Raises NotFound."""
    if db.session.execute(_OWNER, {"run": run_id}).scalar() != user_id:
        raise NotFound("There is no such answer.")


def load_run(user_id: str, run_id: str) -> Run:
    """Raises NotFound when there is none, or it is another person's."""
    found = db.session.get(Run, run_id)
    if found is None or found.user_id != user_id:
        raise NotFound("There is no such answer.")
    return found


def validate_question(text: object, longest: int) -> str:
    """A question as it is stored. Raises InputError with a sentence."""
    question = text.replace("\0", "").strip() if isinstance(text, str) else ""
    if not question:
        raise InputError("Type a question first.")
    if len(question) > longest:
        raise InputError(f"That is {len(question):,} characters; at most {longest:,} fit.")
    return question


def make_title(question: str) -> str:
    """What a conversation is called that begins with this question."""
    line = " ".join(question.split())
    if len(line) <= TITLE_LENGTH:
        return line
    return line[: TITLE_LENGTH - 1].rsplit(" ", 1)[0].rstrip(",.;:") + "…"


def load_message_page(
    conversation: Conversation, log: EventLog, before: int | None = None
) -> MessagePage:
    """The newest messages, or those before a position, as a page shows them; an answer being
    written as far as it has come. Raises NotFound when nothing is there."""
    end = _last_position(conversation) + 1
    # Questions are at odd positions, each answer at the next one: they are never parted.
    until = end if before is None else min(before | 1, end)
    since = max(until - PAGE_LENGTH, 1)
    if before is not None and until <= since:
        raise NotFound("There is nothing earlier in this conversation.")
    return MessagePage(
        messages=[_shown(row, log) for row in _messages(conversation, since, until)],
        earlier=since if since > 1 else None,
        newer=until + PAGE_LENGTH if until < end else None,
    )


def _last_position(conversation: Conversation) -> int:
    query = select(func.max(Message.position)).where(Message.conversation_id == conversation.id)
    return db.session.scalar(query) or 0


def _messages(conversation: Conversation, since: int, until: int) -> ScalarResult[Message]:
    return db.session.scalars(
        select(Message)
        .where(
            Message.conversation_id == conversation.id,
            Message.position >= since,
            Message.position < until,
            Message.superseded.is_(False),
        )
        .order_by(Message.position)
        .options(selectinload(Message.run).selectinload(Run.steps).selectinload(Step.calls))
    )


def _shown(message: Message, log: EventLog) -> DisplayedMessage:
    answer = load_answer(message.run, log) if message.run else None
    return DisplayedMessage(message.role, message.content, answer)


def live_run(conversation: Conversation) -> Run | None:
    """The run that is writing the conversation's last answer now, if one is."""
    return db.session.scalar(select(Run).where(Run.conversation_id == conversation.id, LIVE))


def load_answer(run: Run, log: EventLog) -> Answer:
    entries = log.read(run.id, 0, 0) if run.live else None
    events = [entry.event for entry in entries] if entries else stored_events(run)
    return Answer(run.id).apply_all(events)
