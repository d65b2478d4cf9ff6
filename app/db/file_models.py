"""The tables of the files that people attach to their questions."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.models import db, new_id, utc_now


class QuestionFile(db.Model):  # type: ignore[name-defined, misc]
    """A file of a question. `media_type` is image/png, image/jpeg or text/plain, by its content.

    `question_id` is the id of the question's message, or of the queued question that becomes it.
    `beginning` is that of a text; an image has a `width` and a `height` in pixels. The `content`
    is only loaded where it is asked for. It is empty if an object outside the database has it,
    which `object_key` names; an edited question has the same object.
    """

    __tablename__ = "question_files"
    __table_args__ = (
        Index("ix_question_files_question", "question_id", "position"),
        Index("ix_question_files_conversation", "conversation_id"),
        Index("ix_question_files_user_size", "user_id", "size"),
        Index("ix_question_files_object", "object_key"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"))
    question_id: Mapped[str] = mapped_column(String(32))
    position: Mapped[int]
    name: Mapped[str] = mapped_column(String(100))
    media_type: Mapped[str] = mapped_column(String(20))
    size: Mapped[int]
    width: Mapped[int | None]
    height: Mapped[int | None]
    beginning: Mapped[str] = mapped_column(Text, default="")
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    object_key: Mapped[str | None] = mapped_column(String(32))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)

    @property
    def is_image(self) -> bool:
        return self.media_type != "text/plain"


class StoredObject(db.Model):  # type: ignore[name-defined, misc]
    """An object outside the database. Its row is there before it, and until it is deleted.

    `used_at` is when a question was last about to refer to it. Once it is `unused`, it is about to
    be deleted, and no question may refer to it.
    """

    __tablename__ = "stored_objects"

    key: Mapped[str] = mapped_column(String(32), primary_key=True)
    used_at: Mapped[datetime] = mapped_column(default=utc_now)
    unused: Mapped[bool] = mapped_column(default=False)
