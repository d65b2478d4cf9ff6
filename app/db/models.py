"""The app's tables. Ids are unguessable; times are UTC without zone."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    JSON,
    Case,
    ColumnElement,
    Double,
    Engine,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    Text,
    case,
    event,
    or_,
)
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    pass


# What was stored is what is known of it: no row is asked for again after each commit.
db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})
migrate = Migrate()


def new_id() -> str:
    """122 random bits, as 32 hexadecimal digits."""
    return uuid.uuid4().hex


def utc_now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


@event.listens_for(Engine, "connect")
def _set_up_sqlite(connection: Any, _record: Any) -> None:
    """Readers and the writer don't wait for each other, and references are enforced. A large
    cache for each connection would only have once more what the system has of the file."""
    if type(connection).__module__.startswith("sqlite3"):
        wal = ("journal_mode=WAL", "synchronous=NORMAL")
        for pragma in (*wal, "foreign_keys=ON", "cache_size=-100"):
            connection.execute(f"PRAGMA {pragma}")


class User(db.Model):  # type: ignore[name-defined, misc]
    __tablename__ = "users"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(100))
    role: Mapped[str] = mapped_column(String(20), default="user")
    password_hash: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


@dataclass(frozen=True, slots=True)
class Person:
    """Who is asking, without anything to log in with."""

    id: str
    email: str
    name: str
    role: str
    created_at: datetime


def to_person(user: User) -> Person:
    return Person(user.id, user.email, user.name, user.role, user.created_at)


class EndedSession(db.Model):  # type: ignore[name-defined, misc]
    """A session that its person signed out of; its tokens are refused until they expire."""

    __tablename__ = "ended_sessions"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class Conversation(db.Model):  # type: ignore[name-defined, misc]
    __tablename__ = "conversations"
    __table_args__ = (Index("ix_conversations_user_updated", "user_id", "updated_at"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    title: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now)


class Message(db.Model):  # type: ignore[name-defined, misc]
    """What a person asked (`role` user) or was answered (`role` assistant, with its run).

    `position` counts from 1 within the conversation: questions at odd ones, each answer at the
    next. A retry leaves the answer it stands in for in place, `superseded`, at the same position.
    """

    __tablename__ = "messages"
    __table_args__ = (Index("ix_messages_conversation", "conversation_id", "position"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"))
    position: Mapped[int]
    role: Mapped[str] = mapped_column(String(10))
    content: Mapped[str] = mapped_column(Text, default="")
    superseded: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    run: Mapped[Run | None] = relationship(back_populates="answer")


_LIVE = ("queued", "running", "waiting")


class Run(db.Model):  # type: ignore[name-defined, misc]
    """The production of one answer. `status`: queued, running, waiting (for a person to decide on
    an approval), completed, failed or stopped.

    `seq` is that of the last event whose effect is stored here. `worker` holds the run until
    `lease_until` (seconds since 1970 by the database's clock; while nobody holds it, the time since
    then); `attempt` counts the producers that have had it, `takeovers` those that took it from a
    worker that failed.
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
    attempt: Mapped[int] = mapped_column(default=1)
    takeovers: Mapped[int] = mapped_column(default=0)
    stop_asked: Mapped[bool] = mapped_column(default=False)
    error_code: Mapped[str | None] = mapped_column(String(40))
    error_message: Mapped[str | None] = mapped_column(Text)
    retryable: Mapped[bool] = mapped_column(default=False)
    usage: Mapped[dict[str, int] | None] = mapped_column(JSON)
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
    """One turn of the model within a run: its text, then the calls it asked for.

    Until the turn is `finished` its text is only what has come so far.
    """

    __tablename__ = "steps"

    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(Text, default="")
    finished: Mapped[bool] = mapped_column(default=False)
    run: Mapped[Run] = relationship(back_populates="steps")
    calls: Mapped[list[ToolCall]] = relationship(
        back_populates="step", order_by="ToolCall.position"
    )


class Approval(db.Model):  # type: ignore[name-defined, misc]
    """A call that waits for its person. `status`: waiting, approved, declined or expired.

    `arguments` are those that were shown, `decided` what the person made of them, if they did.
    `preview` is what would come of it, as events.Shown as JSON.
    """

    __tablename__ = "approvals"
    __table_args__ = (Index("ix_approvals_run_status", "run_id", "status"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    call_id: Mapped[str] = mapped_column(String(40), unique=True)
    tool: Mapped[str] = mapped_column(String(100))
    arguments: Mapped[dict[str, Any]] = mapped_column(JSON)
    status: Mapped[str] = mapped_column(String(10), default="waiting")
    decided: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    reason: Mapped[str] = mapped_column(Text, default="")
    preview: Mapped[list[dict[str, str]] | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    run: Mapped[Run] = relationship()


class ToolCall(db.Model):  # type: ignore[name-defined, misc]
    """A call that the model asked for, stored before it is made. `status` as in events.ToolStatus.

    `arguments` is the text as the model wrote it, since it need not be valid JSON; `changed` is
    what the person made of it before approving, if they did. `display` is a list of
    agent.events.DisplayPart as JSON.
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
