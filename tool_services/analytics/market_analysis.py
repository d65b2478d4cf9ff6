"""What the figures of a market mean: its direction, activity and competition."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field

from tool_services.analytics.listings_client import Market
from tool_services.framework.schemas import ToolResult

Level = Literal["High", "Medium", "Low"]
Direction = Literal["Up", "Stable", "Down"]
Activity = Literal["Hot", "Warm", "Cool"]

# A price change in a year below this many percent counts as stable.
STABLE_PERCENT = 5.0
# Competition is high where homes are sold or pending so soon, and so large a share of them.
HIGH_COMPETITION_DAYS, HIGH_COMPETITION_SHARE = 24, 0.75
HOT_DAYS = 22
SLOW_DAYS = 45


class Trends(ToolResult):
    price_direction: Direction
    market_activity: Activity


class MarketAnalysis(ToolResult):
    """The result of getMarketAnalysis."""

    area: str
    average_price: Annotated[int, Field(description="US dollars")]
    price_change_percent: Annotated[
        float | None, Field(description="Percent in a year; null without an earlier year")
    ]
    average_days_on_market: Annotated[int, Field(description="Days")]
    total_listings: Annotated[int, Field(description="Of the last year, as are the next two")]
    sold_listings: int
    pending_listings: int
    competition_level: Level
    trends: Trends

    @classmethod
    def of(cls, market: Market) -> Self:
        change = _price_change(market)
        return cls(
            area=market.area,
            average_price=round(market.average_price),
            price_change_percent=change,
            average_days_on_market=round(market.average_time_on_market),
            total_listings=market.total_listings,
            sold_listings=market.sold_listings,
            pending_listings=market.pending_listings,
            competition_level=_competition(market),
            trends=Trends(price_direction=_direction(change), market_activity=_activity(market)),
        )


def _price_change(market: Market) -> float | None:
    """Return the change from the year before in percent, or None without that year."""
    if not market.previous_average_price:
        return None
    return round((market.average_price / market.previous_average_price - 1) * 100, 1)


def _direction(change: float | None) -> Direction:
    if change is None or abs(change) < STABLE_PERCENT:
        return "Stable"
    return "Up" if change > 0 else "Down"


def _competition(market: Market) -> Level:
    share = (market.sold_listings + market.pending_listings) / market.total_listings
    soon = market.average_time_on_market <= HIGH_COMPETITION_DAYS
    if soon and share >= HIGH_COMPETITION_SHARE:
        return "High"
    return "Medium" if market.average_time_on_market <= SLOW_DAYS else "Low"


def _activity(market: Market) -> Activity:
    if market.average_time_on_market <= HOT_DAYS:
        return "Hot"
    return "Warm" if market.average_time_on_market <= SLOW_DAYS else "Cool"
