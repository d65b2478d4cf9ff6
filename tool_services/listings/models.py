"""The tables of the listings service. Columns have the names of the RESO Data Dictionary.

The migrations add the index of a listing's words: the table listing_words on SQLite, the column
"Words" on PostgreSQL.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import JSON, BigInteger, Index, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tool_services.framework.timestamps import utc_now

Status = Literal["Active", "Pending", "Sold"]
PropertyType = Literal["House", "Townhouse", "Condo", "Multi-family", "Manufactured", "Land"]

Delivery = Literal["kept", "waiting", "claimed", "going", "sent", "failed", "unknown"]
"""What happened to a report.

kept: in the outbox, not to be sent, since no mail server is set up.
waiting: to be sent. claimed: a process is about to send it. going: it may arrive from now on.
sent: a mail server has accepted it. failed: it was not sent. unknown: it may have been sent.
"""

# Conditions of a search. The indexes contain them, so that rows are read only for the results.
_CONDITIONS = (
    *("BedroomsTotal", "BathroomsTotal", "StandardStatus", "PropertyType"),
    *("CityKey", "StateOrProvince"),
)


def _covering_index(name: str, *columns: str) -> Index:
    covered = [column for column in (*_CONDITIONS, "ListPrice") if column not in columns]
    return Index(f"ix_listings_{name}", *columns, *covered)


class Base(DeclarativeBase):
    """Root of this service's tables."""


db = SQLAlchemy(metadata=Base.metadata)


def city_key(city: str) -> str:
    """Return a city's name for comparison: in lower case, with single spaces."""
    return " ".join(city.split()).casefold()


class Listing(Base):
    """A home on the market. `ListPrice` is in US dollars. A half bathroom counts as 0.5."""

    __tablename__ = "listings"
    __table_args__ = (
        _covering_index("city", "CityKey", "ListPrice", "ListingId"),
        _covering_index("city_newest", "CityKey", "OnMarketDate", "ListingId"),
        _covering_index("state", "StateOrProvince", "ListPrice", "ListingId"),
        _covering_index("price", "ListPrice", "ListingId"),
        _covering_index("newest", "OnMarketDate", "ListingId"),
    )

    Key: Mapped[int] = mapped_column(primary_key=True)
    ListingId: Mapped[str] = mapped_column(String(40), unique=True)
    StreetAddress: Mapped[str]
    City: Mapped[str]
    CityKey: Mapped[str]
    StateOrProvince: Mapped[str]
    PostalCode: Mapped[str]
    ListPrice: Mapped[int] = mapped_column(BigInteger)
    BedroomsTotal: Mapped[int]
    BathroomsTotal: Mapped[float]
    StandardStatus: Mapped[Status] = mapped_column(String)
    PropertyType: Mapped[PropertyType] = mapped_column(String)
    PublicRemarks: Mapped[str]
    OnMarketDate: Mapped[date]

    @property
    def full_address(self) -> str:
        """Such as "123 Oak Street, Portland, OR 97201"."""
        return f"{self.StreetAddress}, {self.City}, {self.StateOrProvince} {self.PostalCode}"


class ListingHistory(Base):
    """A home that is or was on the market, listed by any agency, as of its last change.

    `DaysOnMarket` counts from `OnMarketDate` to the sale, or to the last change.
    """

    __tablename__ = "listing_history"
    __table_args__ = (
        Index(
            "ix_listing_history_area",
            *("CityKey", "StateOrProvince", "OnMarketDate"),
            *("ListPrice", "StandardStatus", "DaysOnMarket"),
        ),
    )

    ListingId: Mapped[str] = mapped_column(String(40), primary_key=True)
    City: Mapped[str]
    CityKey: Mapped[str]
    StateOrProvince: Mapped[str]
    ListPrice: Mapped[int] = mapped_column(BigInteger)
    StandardStatus: Mapped[Status] = mapped_column(String)
    OnMarketDate: Mapped[date]
    DaysOnMarket: Mapped[int]


class Area(Base):
    """A city with history."""

    __tablename__ = "areas"

    CityKey: Mapped[str] = mapped_column(primary_key=True)
    StateOrProvince: Mapped[str] = mapped_column(primary_key=True)
    City: Mapped[str]

    @property
    def name(self) -> str:
        """Such as "Portland, OR"."""
        return f"{self.City}, {self.StateOrProvince}"


class OutboxMessage(Base):
    """A report, and the record that its call was made.

    `RecipientKey` is the recipient for comparison; processes of versions before 0.3 write none.
    `Reason` is a sentence on what went wrong. `ClaimedAt` is when `Delivery` last changed.
    """

    __tablename__ = "outbox"
    # Makes sure that a call which is repeated under its key is done once.
    __table_args__ = (
        UniqueConstraint("UserId", "IdempotencyKey"),
        Index("ix_outbox_sender", "UserId", "CreatedAt"),
        Index("ix_outbox_recipient", "RecipientKey", "CreatedAt"),
    )

    Id: Mapped[int] = mapped_column(primary_key=True)
    UserId: Mapped[str] = mapped_column(index=True)
    IdempotencyKey: Mapped[str | None]
    Recipient: Mapped[str]
    RecipientKey: Mapped[str | None]
    ListingIds: Mapped[list[str]] = mapped_column(JSON)
    Subject: Mapped[str]
    Text: Mapped[str]
    Html: Mapped[str]
    CreatedAt: Mapped[datetime] = mapped_column(default=utc_now)
    Delivery: Mapped[Delivery] = mapped_column(String, server_default="kept")
    Reason: Mapped[str] = mapped_column(server_default="")
    ClaimedAt: Mapped[datetime | None]
