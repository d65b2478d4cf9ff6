"""The only way to load a person's conversations, runs, tool calls and files.

Pages and the API load a person's rows through these functions alone, so that another person's id
is answered like an unknown one, and so is what is in the trash.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import BindParameter, ColumnElement, DateTime, and_, bindparam, or_, select
from sqlalchemy.orm import undefer

from app.db.file_models import QuestionFile
from app.db.models import Conversation, Message, Run, ToolCall, db, utc_now
from app.db.queue_models import QueuedQuestion
from app.errors import NotFound
from app.texts import later

_CONVERSATIONS, _RUNS = Conversation.__table__.c, Run.__table__.c
_QUEUE = QueuedQuestion.__table__.c
_NOW: BindParameter[datetime] = bindparam(None, callable_=utc_now, type_=DateTime(), unique=True)
IS_THERE: ColumnElement[bool] = and_(
    _CONVERSATIONS.shelf != "trash",
    or_(_CONVERSATIONS.delete_at.is_(None), _CONVERSATIONS.delete_at > _NOW),
)
"""The condition that a conversation is neither in the trash nor due to be deleted."""
QUEUE_ORDER = (_QUEUE.urgent.desc(), _QUEUE.created_at, _QUEUE.id)
"""The order in which queued questions are asked."""
_RUN_OWNER = (
    select(_RUNS.user_id)
    .join(Conversation.__table__, _CONVERSATIONS.id == _RUNS.conversation_id)
    .where(_RUNS.id == bindparam("run"), IS_THERE)
)


def load_conversation(user_id: str, conversation_id: str) -> Conversation:
    """Load a conversation of the person's. Raises NotFound."""
    return _load(user_id, conversation_id, IS_THERE)


def load_from_trash(user_id: str, conversation_id: str) -> Conversation:
    """Load a conversation that the person has deleted. Raises NotFound."""
    return _load(user_id, conversation_id, Conversation.shelf == "trash")


def load_even_deleted(user_id: str, conversation_id: str) -> Conversation:
    """Load a conversation of the person's, in the trash or not. Raises NotFound."""
    return _load(user_id, conversation_id, or_(IS_THERE, Conversation.shelf == "trash"))


def load_run(user_id: str, run_id: str) -> Run:
    """Load a run of the person's. Raises NotFound."""
    query = select(Run).join(Conversation, Conversation.id == Run.conversation_id)
    run: Run | None = db.session.scalar(
        query.where(Run.id == run_id, Run.user_id == user_id, IS_THERE)
    )
    if run is None:
        raise NotFound(later("There is no such answer."))
    return run


def check_run_owner(user_id: str, run_id: str) -> None:
    """Check that the run is the person's, without loading it. Raises NotFound."""
    if db.session.execute(_RUN_OWNER, {"run": run_id}).scalar() != user_id:
        raise NotFound(later("There is no such answer."))


def live_run(conversation: Conversation) -> Run | None:
    """Load the conversation's live run, if there is one."""
    return db.session.scalar(select(Run).where(Run.conversation_id == conversation.id, Run.live))


def load_queue(conversation: Conversation) -> Sequence[QueuedQuestion]:
    """Load what is queued in the conversation, in the order in which it will be asked."""
    query = select(QueuedQuestion).where(QueuedQuestion.conversation_id == conversation.id)
    return db.session.scalars(query.order_by(*QUEUE_ORDER)).all()


def load_queued(conversation: Conversation, queued_id: str) -> QueuedQuestion:
    """Load a question that is queued in the conversation. Raises NotFound."""
    query = select(QueuedQuestion).where(QueuedQuestion.conversation_id == conversation.id)
    found: QueuedQuestion | None = db.session.scalar(query.where(QueuedQuestion.id == queued_id))
    if found is None:
        raise NotFound(later("That question isn't queued any more."))
    return found


def answer_position(conversation: Conversation, run_id: str) -> int | None:
    """Return the position of a run's answer; None if it is no run of the conversation."""
    query = select(Message.position).join(Run, Run.answer_id == Message.id)
    return db.session.scalar(query.where(Run.id == run_id, Run.conversation_id == conversation.id))


def load_message(user_id: str, message_id: str) -> Message:
    """Load a message of the person's. Raises NotFound."""
    query = select(Message).join(Conversation, Conversation.id == Message.conversation_id)
    message: Message | None = db.session.scalar(
        query.where(Message.id == message_id, Conversation.user_id == user_id, IS_THERE)
    )
    if message is None:
        raise NotFound(later("There is no such message."))
    return message


def load_tool_call(user_id: str, call_id: str) -> tuple[ToolCall, Run]:
    """Load a tool call of the person's, with its run. Raises NotFound."""
    query = select(ToolCall, Run).join(Run, Run.id == ToolCall.run_id)
    query = query.join(Conversation, Conversation.id == Run.conversation_id)
    query = query.where(ToolCall.id == call_id, Run.user_id == user_id, IS_THERE)
    found = db.session.execute(query).first()
    if found is None:
        raise NotFound(later("There is no such result."))
    return found[0], found[1]


def load_file(user_id: str, file_id: str) -> QuestionFile:
    """Load a file of the person's, with its content. Raises NotFound."""
    query = select(QuestionFile).join(Conversation)
    found: QuestionFile | None = db.session.scalar(
        query.where(QuestionFile.id == file_id, QuestionFile.user_id == user_id, IS_THERE).options(
            undefer(QuestionFile.content)
        )
    )
    if found is None:
        raise NotFound(later("There is no such file."))
    return found


def _load(user_id: str, conversation_id: str, where: ColumnElement[bool]) -> Conversation:
    query = select(Conversation).where(Conversation.id == conversation_id, where)
    conversation: Conversation | None = db.session.scalar(
        query.where(Conversation.user_id == user_id)
    )
    if conversation is None:
        raise NotFound(later("There is no such conversation."))
    return conversation
