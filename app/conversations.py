"""A person's conversations: load one, list them, and what of them a page shows.

Every query of a person's data goes through here, so that another person's id is as if unknown.
"""

from __future__ import annotations

from sqlalchemy import bindparam, select

from app.db.models import Conversation, Run, db
from app.errors import InputError, NotFound

TITLE_LENGTH = 60


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


def live_run(conversation: Conversation) -> Run | None:
    """The run that is writing the conversation's last answer now, if one is."""
    return db.session.scalar(select(Run).where(Run.conversation_id == conversation.id, Run.live))
