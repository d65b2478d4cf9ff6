"""The table of questions that wait until the answer before them is over."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Double, ForeignKey, Index, String, Text, false
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from app.db.file_models import QuestionFile
from app.db.models import db, new_id, utc_now


class QueuedQuestion(db.Model):  # type: ignore[name-defined, misc]
    """A question that is to be asked in its conversation. Its id becomes that of its run.

    `asked_as` is its idempotency key and `model` the chosen model, as runs have them. One that is
    `held` waits until its person sends it; an `urgent` one goes before the others. It is not asked
    before `try_at` (seconds since 1970, by the database's clock). `reason` says why it hasn't been
    asked, if its turn had come.
    """

    __tablename__ = "queued_questions"
    __table_args__ = (
        Index("ix_queued_questions_conversation", "conversation_id", "created_at"),
        Index("ix_queued_questions_user_asked_as", "user_id", "asked_as", unique=True),
        Index("ix_queued_questions_held", "held", "try_at"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"))
    text: Mapped[str] = mapped_column(Text)
    asked_as: Mapped[str | None] = mapped_column(String(32))
    model: Mapped[str | None] = mapped_column(String(100))
    held: Mapped[bool] = mapped_column(default=False, server_default=false())
    urgent: Mapped[bool] = mapped_column(default=False, server_default=false())
    try_at: Mapped[float] = mapped_column(Double, default=0, server_default="0")
    reason: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    files: Mapped[list[QuestionFile]] = relationship(
        primaryjoin=lambda: foreign(QuestionFile.question_id) == QueuedQuestion.id,
        order_by=QuestionFile.position,
        viewonly=True,
    )
