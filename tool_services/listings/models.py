"""Tables of the listings service; columns carry the names of the RESO Data Dictionary.

The words of a listing are indexed by the database: listing_words (SQLite) or "Words" (PostgreSQL),
which the migrations make.
"""

from __future__ import annotations

from datetime import date, datetime

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import JSON, BigInteger, Index, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tool_services.database import utc_now
from tool_services.homes import PropertyType, Status

_ALSO_ASKED = ("BedroomsTotal", "BathroomsTotal", "StandardStatus", "PropertyType", "ListingId")


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
        Index("ix_listings_city", "CityKey", "ListPrice", *_ALSO_ASKED),
        Index("ix_listings_state", "StateOrProvince", "ListPrice", *_ALSO_ASKED),
        Index("ix_listings_price", "ListPrice", *_ALSO_ASKED),
        Index("ix_listings_newest", "OnMarketDate", "ListingId"),
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


class OutboxMessage(Base):
    """A report that was sent, and at once the memory of the call that sent it."""

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
