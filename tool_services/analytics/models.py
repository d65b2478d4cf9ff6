"""Tables of the analytics service; rates are fractions from 0 to 1, prices in US dollars."""

from __future__ import annotations

from datetime import datetime

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Root of this service's tables."""


db = SQLAlchemy(metadata=Base.metadata)


class ListingMetrics(Base):
    """How one listing is doing with the public, since it came on the market."""

    __tablename__ = "listing_metrics"

    ListingId: Mapped[str] = mapped_column(primary_key=True)
    PageViews: Mapped[int]
    Saves: Mapped[int]
    Inquiries: Mapped[int]
    DaysOnMarket: Mapped[int]
    ClickThroughRate: Mapped[float]
    ConversionRate: Mapped[float]
    LastUpdated: Mapped[datetime]


class MarketArea(Base):
    """The market of one city; `PriceChange` is in percent, `Area` looks like "Portland, OR"."""

    __tablename__ = "market_areas"

    Area: Mapped[str] = mapped_column(primary_key=True)
    AveragePrice: Mapped[int]
    PriceChange: Mapped[float]
    AverageDaysOnMarket: Mapped[int]
    TotalListings: Mapped[int]
    SoldListings: Mapped[int]
    PendingListings: Mapped[int]
    CompetitionLevel: Mapped[str]
    PriceDirection: Mapped[str]
    MarketActivity: Mapped[str]
