"""Tables of the listings service; columns carry the names of the RESO Data Dictionary."""

from __future__ import annotations

from datetime import datetime

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import JSON, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tool_services.database import utc_now
from tool_services.homes import Status


class Base(DeclarativeBase):
    """Root of this service's tables."""


db = SQLAlchemy(metadata=Base.metadata)


class Listing(Base):
    """A home on the market. `ListPrice` is in US dollars; half bathrooms count as 0.5."""

    __tablename__ = "listings"

    ListingId: Mapped[str] = mapped_column(primary_key=True)
    StreetAddress: Mapped[str]
    City: Mapped[str]
    StateOrProvince: Mapped[str]
    PostalCode: Mapped[str]
    ListPrice: Mapped[int] = mapped_column(index=True)
    BedroomsTotal: Mapped[int]
    BathroomsTotal: Mapped[float]
    StandardStatus: Mapped[Status] = mapped_column(String)

    @property
    def full_address(self) -> str:
        """Such as "123 Oak Street, Portland, OR 97201"."""
        return f"{self.StreetAddress}, {self.City}, {self.StateOrProvince} {self.PostalCode}"


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
