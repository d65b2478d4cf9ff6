"""The tables of the analytics service."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Index, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

Kind = Literal["view", "save", "inquiry"]


class Base(DeclarativeBase):
    """Root of this service's tables."""


db = SQLAlchemy(metadata=Base.metadata)


class Interaction(Base):
    """A visitor viewed, saved or inquired about a listing. `VisitorId` is a pseudonym."""

    __tablename__ = "interactions"
    __table_args__ = (Index("ix_interactions_listing", "ListingId", "Kind", "VisitorId", "At"),)

    Id: Mapped[int] = mapped_column(primary_key=True)
    ListingId: Mapped[str] = mapped_column(String(40))
    Kind: Mapped[Kind] = mapped_column(String)
    VisitorId: Mapped[str] = mapped_column(String(64))
    At: Mapped[datetime]


class Exposure(Base):
    """How often a listing appeared among others on one day (its impressions)."""

    __tablename__ = "exposures"

    ListingId: Mapped[str] = mapped_column(String(40), primary_key=True)
    Day: Mapped[date] = mapped_column(primary_key=True)
    Impressions: Mapped[int]
