"""The messages that a conversation's page displays, with each answer as far as it has come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ScalarResult, func, select
from sqlalchemy.orm import selectinload

from app.conversations.branches import Versions, load_versions
from app.conversations.files import files_of
from app.db.file_models import QuestionFile
from app.db.models import Conversation, Message, Run, Step, db
from app.errors import NotFound
from app.rendering.answer import AnswerView
from app.rendering.links import LinkTarget
from app.runs.event_log import EventLog
from app.runs.replay import stored_events

PAGE_LENGTH = 50
"""Messages on one page. Even, so that a page ends and begins between exchanges."""


@dataclass(frozen=True)
class DisplayedMessage:
    """A message on a page: a question's text and files, or an answer. `versions` is None if it has
    one."""

    role: str
    text: str
    answer: AnswerView | None = None
    id: str = ""
    versions: Versions | None = None
    files: Sequence[QuestionFile] = ()


@dataclass(frozen=True)
class MessagePage:
    """Successive messages of a conversation.

    `earlier` and `newer` are the positions that the pages before and after this one end before;
    None where there is no such page.
    """

    messages: list[DisplayedMessage]
    earlier: int | None
    newer: int | None

    @property
    def last_run(self) -> str:
        """The id of the run whose answer is the last one; "" without any."""
        answer = self.messages[-1].answer if self.messages else None
        return answer.run_id if answer else ""


def load_message_page(
    conversation: Conversation, log: EventLog, target: LinkTarget, before: int | None = None
) -> MessagePage:
    """Load the newest messages, or those before a position. Raises NotFound if there are none.

    `target` says where the links of answers lead.
    """
    end = _last_position(conversation.id) + 1
    # Questions are at odd positions, each answer at the next one: they stay together.
    until = end if before is None else min(before | 1, end)
    since = max(until - PAGE_LENGTH, 1)
    if before is not None and until <= since:
        raise NotFound("There is nothing earlier in this conversation.")
    return MessagePage(
        messages=_displayed_between(conversation, since, until, log, target),
        earlier=since if since > 1 else None,
        newer=until + PAGE_LENGTH if until < end else None,
    )


def load_messages_after(
    conversation: Conversation, log: EventLog, target: LinkTarget, position: int | None
) -> MessagePage:
    """Load the messages after a position, the newest ones at most; none if it is None."""
    end = _last_position(conversation.id) + 1
    since = end if position is None else max(position + 1, end - PAGE_LENGTH)
    return MessagePage(_displayed_between(conversation, since, end, log, target), None, None)


def load_answer(run: Run, log: EventLog, target: LinkTarget) -> AnswerView:
    """Load a run's answer, from the log while it is being written and else from the database."""
    entries = log.read(run.id, 0, 0) if run.live else None
    events = [entry.event for entry in entries] if entries else stored_events(run)
    answer = AnswerView(run.id, target=target).apply_all(events)
    answer.rating, answer.rating_reason = run.rating, run.rating_reason
    return answer


def question_of(run: Run, text: str, *, has_files: bool) -> DisplayedMessage:
    """Return the question that a run was asked with, without loading it again.

    Its message has the run's id. Files are loaded if there may be some.
    """
    files = files_of([run.id]).get(run.id, ()) if has_files else ()
    return DisplayedMessage("user", text, id=run.id, files=files)


def page_of(message: Message) -> int | None:
    """Return what the page with this message ends before; None if that is the newest one."""
    is_newest = message.position > _last_position(message.conversation_id) - PAGE_LENGTH
    return None if is_newest else message.position + 1


def is_last(message: Message) -> bool:
    """Whether the current branch ends with this message."""
    return message.position == _last_position(message.conversation_id)


def _last_position(conversation_id: str) -> int:
    query = select(func.max(Message.position)).where(
        Message.conversation_id == conversation_id, Message.superseded.is_(False)
    )
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


def _displayed_between(
    conversation: Conversation, since: int, until: int, log: EventLog, target: LinkTarget
) -> list[DisplayedMessage]:
    rows = _messages(conversation, since, until).all()
    versions = load_versions(conversation.id, since, until)
    files = files_of([row.id for row in rows if row.role == "user"])
    return [
        DisplayedMessage(
            row.role,
            row.content,
            load_answer(row.run, log, target) if row.run else None,
            row.id,
            versions.get(row.id),
            files.get(row.id, ()),
        )
        for row in rows
    ]
