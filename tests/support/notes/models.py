"""The tables."""

from __future__ import annotations

from datetime import datetime

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tool_services.framework.samples import Sample
from tool_services.framework.timestamps import utc_now


class Base(DeclarativeBase):
    """Root of the tables."""


db = SQLAlchemy(metadata=Base.metadata)


class Note(Base):
    """A note."""

    __tablename__ = "notes"

    Id: Mapped[int] = mapped_column(primary_key=True)
    Text: Mapped[str]


class Letter(Base):
    """Notes that a person had sent."""

    __tablename__ = "letters"

    Id: Mapped[int] = mapped_column(primary_key=True)
    UserId: Mapped[str]
    Recipient: Mapped[str]
    Text: Mapped[str]
    CreatedAt: Mapped[datetime] = mapped_column(default=utc_now)


SAMPLES = [Sample(Note, lambda: [{"Text": "first"}, {"Text": "second"}])]
