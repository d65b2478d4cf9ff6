"""The app's tables. Ids can't be guessed; times are in UTC, stored without a zone."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    JSON,
    Case,
    ColumnElement,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    Text,
    case,
    exists,
    false,
    or_,
)
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import DeclarativeBase, Mapped, column_property, mapped_column, relationship


class Base(DeclarativeBase):
    pass


# Don't expire objects on commit, so that no row is loaded twice.
db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})


def new_id() -> str:
    """Return 122 random bits as 32 hexadecimal digits."""
    return uuid.uuid4().hex


def utc_now() -> datetime:
    """Return the present in UTC, without a zone, as all times are stored."""
    return datetime.now(UTC).replace(tzinfo=None)


def iso_utc(time: datetime) -> str:
    """Return a stored time as JSON has it, to the second."""
    return f"{time.isoformat(timespec='seconds')}Z"


class User(db.Model):  # type: ignore[name-defined, misc]
    """An account. `role` is "user" for everybody who signs up. `delete_at` is when it is to be
    deleted, if its person has asked for that. `email_verified_at` is when they confirmed their
    address, None before. `notices_since` is the time of the first notice not dismissed."""

    __tablename__ = "users"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(100))
    role: Mapped[str] = mapped_column(String(20), default="user")
    password_hash: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    delete_at: Mapped[datetime | None] = mapped_column(index=True)
    email_verified_at: Mapped[datetime | None]
    notices_since: Mapped[datetime | None]


@dataclass(frozen=True, slots=True)
class Person:
    """A signed-in user, without the password hash."""

    id: str
    email: str
    name: str
    role: str
    created_at: datetime
    delete_at: datetime | None
    email_verified_at: datetime | None
    notices_since: datetime | None


PERSON_COLUMNS = tuple(column.name for column in fields(Person))


def to_person(user: User) -> Person:
    return Person(*(getattr(user, name) for name in PERSON_COLUMNS))


SHELVES = ("list", "archive", "trash", "temporary")
"""Where a conversation is."""


class Conversation(db.Model):  # type: ignore[name-defined, misc]
    """A user's conversation. `updated_at` is when its last message was stored.

    `shelf` is one of SHELVES. `delete_at` is when it is to be deleted for good, which those in the
    trash and temporary ones have. `titled_by` says where the title is from: the first question, the
    model or the person. `model` is the one that its person has chosen, None if they haven't.
    """

    __tablename__ = "conversations"
    __table_args__ = (
        Index("ix_conversations_user_updated", "user_id", "updated_at"),
        Index("ix_conversations_shelf", "user_id", "shelf", "pinned", "updated_at", "id"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    title: Mapped[str] = mapped_column(String(80))
    titled_by: Mapped[str] = mapped_column(
        String(10), default="question", server_default="question"
    )
    shelf: Mapped[str] = mapped_column(String(10), default="list", server_default="list")
    pinned: Mapped[bool] = mapped_column(default=False, server_default=false())
    model: Mapped[str | None] = mapped_column(String(100))
    delete_at: Mapped[datetime | None] = mapped_column(index=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now)


class Message(db.Model):  # type: ignore[name-defined, misc]
    """A question (`role` user) or an answer (`role` assistant, with its run).

    `position` counts from 1 in the conversation: questions have odd positions, each answer the next
    one. A retry's answer takes the position of the one before, which stays as `superseded`, since
    `superseded_at`; an edited question does so with all that came after it. `parent_id` is the
    message that it follows; None: the one before it on the current branch, if there is any
    (conversations/branches.py). No message is deleted by itself, so it is no foreign key.
    """

    __tablename__ = "messages"
    __table_args__ = (Index("ix_messages_conversation", "conversation_id", "position"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"))
    position: Mapped[int]
    role: Mapped[str] = mapped_column(String(10))
    content: Mapped[str] = mapped_column(Text, default="")
    superseded: Mapped[bool] = mapped_column(default=False)
    superseded_at: Mapped[datetime | None]
    parent_id: Mapped[str | None] = mapped_column(String(32))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    run: Mapped[Run | None] = relationship(back_populates="answer")


_LIVE = ("queued", "running", "waiting")


class Run(db.Model):  # type: ignore[name-defined, misc]
    """The production of one answer. `figures` is a list of grounding.figure.Figure as JSON.
    `rating` is what its person thinks of it, good or bad.

    `status` is queued, running, waiting (for a person to decide on an approval), completed, cut_off
    (the model's reply reached its limit), failed or stopped. `seq` is the number of the last event
    whose effect is stored. `worker` has the lease until `lease_until` (seconds since 1970, by the
    database's clock; without a worker, the time since when there is none). `attempt` counts the
    producers that have had the run, `takeovers` those that took it from a worker that failed.
    `model` is the one to ask, if its person has chosen one.
    """

    __tablename__ = "runs"
    __table_args__ = (
        Index("ix_runs_user_status", "user_id", "status"),
        Index("ix_runs_user_asked_as", "user_id", "asked_as", unique=True),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    idempotency_key: Mapped[str | None] = mapped_column("asked_as", String(32))
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"))
    answer_id: Mapped[str] = mapped_column(
        ForeignKey("messages.id", ondelete="CASCADE"), unique=True
    )
    status: Mapped[str] = mapped_column(String(10), default="queued", index=True)
    seq: Mapped[int] = mapped_column(default=0)
    worker: Mapped[str | None] = mapped_column(String(80))
    lease_until: Mapped[float] = mapped_column(Double, default=0)
    model: Mapped[str | None] = mapped_column(String(100))
    attempt: Mapped[int] = mapped_column(default=1)
    takeovers: Mapped[int] = mapped_column(default=0)
    stop_asked: Mapped[bool] = mapped_column(default=False)
    error_code: Mapped[str | None] = mapped_column(String(40))
    error_message: Mapped[str | None] = mapped_column(Text)
    error_detail: Mapped[str | None] = mapped_column(Text)
    retryable: Mapped[bool] = mapped_column(default=False)
    usage: Mapped[dict[str, int] | None] = mapped_column(JSON)
    figures: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))
    rating: Mapped[str | None] = mapped_column(String(4))
    rating_reason: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    finished_at: Mapped[datetime | None]
    answer: Mapped[Message] = relationship(back_populates="run")
    steps: Mapped[list[Step]] = relationship(back_populates="run", order_by="Step.number")

    @hybrid_property
    def live(self) -> bool:
        """Whether the run has not ended; also a condition for queries."""
        return self.status in _LIVE

    @live.inplace.expression
    @classmethod
    def _live_condition(cls) -> ColumnElement[bool]:
        """The table's own column, for statements that bypass the ORM; not IN, which can't be
        executed for many rows at once."""
        return or_(*(cls.__table__.c.status == status for status in _LIVE))

    @classmethod
    def queued_if_waiting(cls) -> Case[str]:
        """The new status of a run that is to go on if it waits."""
        status = cls.__table__.c.status
        return case((status == "waiting", "queued"), else_=status)


class Step(db.Model):  # type: ignore[name-defined, misc]
    """One turn of the model in a run: its text, then the tool calls that it asked for.

    Before the turn is `finished`, its text is only the beginning. `model` is the one that
    wrote it, by the endpoint's name for it. `thoughts` came before the text, for
    `thought_seconds`; no model gets them again.
    """

    __tablename__ = "steps"

    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(Text, default="")
    finished: Mapped[bool] = mapped_column(default=False)
    model: Mapped[str | None] = mapped_column(String(100))
    thoughts: Mapped[str | None] = mapped_column(Text)
    thought_seconds: Mapped[float | None] = mapped_column(Double)
    run: Mapped[Run] = relationship(back_populates="steps")
    calls: Mapped[list[ToolCall]] = relationship(
        back_populates="step", order_by="ToolCall.position"
    )


class Approval(db.Model):  # type: ignore[name-defined, misc]
    """A tool call that needs a person's approval. `status`: waiting, approved, declined or expired.

    `arguments` are what the person was shown, `decided` the arguments as they changed them, if they
    did. `title` and `labels` are the names of the tool and of its arguments for people; approvals
    of versions before 0.2 have none. `preview` shows what the call would do: a list of
    agent.events.DisplayPart as JSON.
    """

    __tablename__ = "approvals"
    __table_args__ = (Index("ix_approvals_run_status", "run_id", "status"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    call_id: Mapped[str] = mapped_column(String(40), unique=True)
    tool: Mapped[str] = mapped_column(String(100))
    title: Mapped[str | None] = mapped_column(Text)
    labels: Mapped[dict[str, str] | None] = mapped_column(JSON(none_as_null=True))
    arguments: Mapped[dict[str, Any]] = mapped_column(JSON)
    status: Mapped[str] = mapped_column(String(10), default="waiting")
    decided: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    reason: Mapped[str] = mapped_column(Text, default="")
    preview: Mapped[list[dict[str, str]] | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    run: Mapped[Run] = relationship()


REFUSED = "refused"
"""The status of a tool call that failed because it could not be made as the model asked."""


class ToolCall(db.Model):  # type: ignore[name-defined, misc]
    """A tool call, stored before it is made. `status` is an agent.events.ToolStatus, or REFUSED.

    `arguments` is the text that the model wrote, which need not be valid JSON; `changed` are those
    that it was called with, if they are others: repaired, or `edited` by the person before they
    approved. `display` is a list of agent.events.DisplayPart as JSON.
    """

    __tablename__ = "tool_calls"
    __table_args__ = (
        ForeignKeyConstraint(
            ["run_id", "step_number"], ["steps.run_id", "steps.number"], ondelete="CASCADE"
        ),
        Index("ix_tool_calls_step", "run_id", "step_number"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    run_id: Mapped[str] = mapped_column(String(32))
    step_number: Mapped[int]
    position: Mapped[int]
    name: Mapped[str] = mapped_column(String(100))
    arguments: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(10), default="started")
    result: Mapped[Any | None] = mapped_column(JSON)
    error: Mapped[str | None] = mapped_column(Text)
    duration_ms: Mapped[int | None]
    changed: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    display: Mapped[list[dict[str, str]] | None] = mapped_column("shown", JSON(none_as_null=True))
    step: Mapped[Step] = relationship(back_populates="calls")
    edited: Mapped[bool] = column_property(
        exists().where(Approval.call_id == id, Approval.decided.is_not(None))
    )
