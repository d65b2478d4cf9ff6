"""The one table."""

from __future__ import annotations

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Root of the tables."""


db = SQLAlchemy(metadata=Base.metadata)


class Note(Base):
    """A note."""

    __tablename__ = "notes"

    Id: Mapped[int] = mapped_column(primary_key=True)
    Text: Mapped[str]
