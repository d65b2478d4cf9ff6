"""Tables of the analytics service."""

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
    """Somebody did something with a listing. `VisitorId` says who, without saying who that is."""

    __tablename__ = "interactions"
    __table_args__ = (Index("ix_interactions_listing", "ListingId", "Kind", "VisitorId", "At"),)

    Id: Mapped[int] = mapped_column(primary_key=True)
    ListingId: Mapped[str] = mapped_column(String(40))
    Kind: Mapped[Kind] = mapped_column(String)
    VisitorId: Mapped[str] = mapped_column(String(64))
    At: Mapped[datetime]


class Exposure(Base):
    """How often a listing was shown among others on one day, whether or not it was opened."""

    __tablename__ = "exposures"

    ListingId: Mapped[str] = mapped_column(String(40), primary_key=True)
    Day: Mapped[date] = mapped_column(primary_key=True)
    Impressions: Mapped[int]
