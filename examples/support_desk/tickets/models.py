"""The tables. After a change: make migration SERVICE=tickets"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Literal

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from tool_services.framework.samples import Sample, read_csv
from tool_services.framework.timestamps import utc_now

Status = Literal["open", "waiting", "closed"]
Priority = Literal["low", "normal", "high", "urgent"]


class Base(DeclarativeBase):
    """Root of this service's tables."""


db = SQLAlchemy(metadata=Base.metadata)


class TicketRow(Base):
    """What somebody needs help with. `Assignee` is the first name of who works on it, or empty."""

    __tablename__ = "tickets"

    Id: Mapped[int] = mapped_column(primary_key=True)
    Title: Mapped[str] = mapped_column(String(200))
    Body: Mapped[str]
    Status: Mapped[Status] = mapped_column(String(20), default="open", index=True)
    Priority: Mapped[Priority] = mapped_column(String(20), default="normal", index=True)
    Assignee: Mapped[str] = mapped_column(String(60), default="")
    OpenedBy: Mapped[str] = mapped_column(String(64))
    OpenedAt: Mapped[datetime] = mapped_column(default=utc_now)
    answers: Mapped[list[AnswerRow]] = relationship(order_by="AnswerRow.Id")


class AnswerRow(Base):
    """What somebody wrote on a ticket."""

    __tablename__ = "answers"

    Id: Mapped[int] = mapped_column(primary_key=True)
    TicketId: Mapped[int] = mapped_column(ForeignKey("tickets.Id"), index=True)
    Text: Mapped[str]
    WrittenBy: Mapped[str] = mapped_column(String(64))
    WrittenAt: Mapped[datetime] = mapped_column(default=utc_now)


def _sample(model: type[Base], file: str) -> Sample:
    return Sample(model, partial(read_csv, model, Path(__file__).parent / "sample_data" / file))


SAMPLES = (_sample(TicketRow, "tickets.csv"), _sample(AnswerRow, "answers.csv"))
