"""Tables of the listings service; columns carry the names of the RESO Data Dictionary.

The words of a listing are indexed by the database: listing_words (SQLite) or "Words" (PostgreSQL),
which the migrations make.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import JSON, BigInteger, Index, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tool_services.framework.database import utc_now
from tool_services.listings.home import PropertyType, Status

# What a search may ask for is in the indexes as well, so that rows are read only to be shown.
_ALSO_ASKED = (
    *("BedroomsTotal", "BathroomsTotal", "StandardStatus", "PropertyType"),
    *("CityKey", "StateOrProvince"),
)


def _index(name: str, *columns: str) -> Index:
    covered = [column for column in (*_ALSO_ASKED, "ListPrice") if column not in columns]
    return Index(f"ix_listings_{name}", *columns, *covered)


class Base(DeclarativeBase):
    """Root of this service's tables."""


db = SQLAlchemy(metadata=Base.metadata)


def city_key(city: str) -> str:
    """A city's name as it is compared: in any case, with any spaces."""
    return " ".join(city.split()).casefold()


class Listing(Base):
    """A home on the market. `ListPrice` is in US dollars; half bathrooms count as 0.5."""

    __tablename__ = "listings"
    __table_args__ = (
        _index("city", "CityKey", "ListPrice", "ListingId"),
        _index("city_newest", "CityKey", "OnMarketDate", "ListingId"),
        _index("state", "StateOrProvince", "ListPrice", "ListingId"),
        _index("price", "ListPrice", "ListingId"),
        _index("newest", "OnMarketDate", "ListingId"),
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
    """What is known of a home that was on the market, ours or another agency's, as of its last
    change. `DaysOnMarket` counts to its sale, or to that change."""

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
    """A city of which there is history."""

    __tablename__ = "areas"

    CityKey: Mapped[str] = mapped_column(primary_key=True)
    StateOrProvince: Mapped[str] = mapped_column(primary_key=True)
    City: Mapped[str]

    @property
    def name(self) -> str:
        """Such as "Portland, OR"."""
        return f"{self.City}, {self.StateOrProvince}"


Delivery = Literal["kept", "waiting", "claimed", "going", "sent", "failed", "unknown"]
"""kept: for its sender to read, not to be sent. waiting, claimed (by who is about to send it),
going (it may be gone any moment), and what became of it."""


class OutboxMessage(Base):
    """A report that was sent, and at once the memory of the call that sent it.

    `Reason` is a sentence on what went wrong; `ClaimedAt` is when `Delivery` last changed.
    """

    __tablename__ = "outbox"
    # The database itself makes sure that a call told twice is done once.
    __table_args__ = (UniqueConstraint("UserId", "IdempotencyKey"),)

    Id: Mapped[int] = mapped_column(primary_key=True)
    UserId: Mapped[str] = mapped_column(index=True)
    IdempotencyKey: Mapped[str | None]
    Recipient: Mapped[str]
    ListingIds: Mapped[list[str]] = mapped_column(JSON)
    Subject: Mapped[str]
    Text: Mapped[str]
    Html: Mapped[str]
    CreatedAt: Mapped[datetime] = mapped_column(default=utc_now)
    Delivery: Mapped[Delivery] = mapped_column(String, server_default="kept")
    Reason: Mapped[str] = mapped_column(server_default="")
    ClaimedAt: Mapped[datetime | None]
