"""The getMarketAnalysis tool: what the figures of a market, which listings has, mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr
from pydantic.alias_generators import to_camel

from tool_services.analytics.display import market_page
from tool_services.framework.errors import UnknownAreaError
from tool_services.framework.peer import Peer
from tool_services.framework.tokens import Caller
from tool_services.framework.tools import (
    JsonObject,
    Part,
    Tool,
    ToolResult,
    arguments_schema,
    reading,
)
from tool_services.listings.home import Dollars

Level = Literal["High", "Medium", "Low"]
Direction = Literal["Up", "Stable", "Down"]
Activity = Literal["Hot", "Warm", "Cool"]

# From so many percent in a year on, prices are going somewhere.
MOVING_PERCENT = 5.0
# A market is contested where homes go this fast, and most of them do; hot, where faster still.
CONTESTED_DAYS, CONTESTED_SHARE = 24, 0.75
HOT_DAYS = 22
SLOW_DAYS = 45


class Trends(ToolResult):
    price_direction: Direction
    market_activity: Activity


class MarketAnalysis(ToolResult):
    """What getMarketAnalysis answers."""

    area: str
    average_price: Dollars
    price_change: Annotated[
        float | None, Field(description="Percent in a year; null without an earlier year")
    ]
    average_time_on_market: Annotated[int, Field(description="Days")]
    total_listings: Annotated[int, Field(description="Of the last year, as are the next two")]
    sold_listings: int
    pending_listings: int
    competition_level: Level
    trends: Trends
    # What the charts need is for people alone: a model has no use for it, and would pay for it.
    _market: Market | None = PrivateAttr(None)

    def shown(self) -> Sequence[Part]:
        return [market_page(self, self._market)] if self._market else ()


class _FromListings(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)


class Quarter(_FromListings):
    name: str
    average_price: float


class PriceBand(_FromListings):
    """How many homes cost `lowest` dollars or more, but less than the next band's."""

    lowest: int
    homes: int


class Market(_FromListings):
    """The figures as the listings service gives them."""

    area: str
    average_price: float
    previous_average_price: float | None
    average_time_on_market: float
    total_listings: int
    sold_listings: int
    pending_listings: int
    quarters: list[Quarter] = []
    price_bands: list[PriceBand] = []

    @property
    def price_change(self) -> float | None:
        """Percent from the year before; None without one."""
        if not self.previous_average_price:
            return None
        return round((self.average_price / self.previous_average_price - 1) * 100, 1)

    @property
    def competition(self) -> Level:
        gone = (self.sold_listings + self.pending_listings) / self.total_listings
        if self.average_time_on_market <= CONTESTED_DAYS and gone >= CONTESTED_SHARE:
            return "High"
        return "Medium" if self.average_time_on_market <= SLOW_DAYS else "Low"

    @property
    def direction(self) -> Direction:
        change = self.price_change or 0.0
        if abs(change) < MOVING_PERCENT:
            return "Stable"
        return "Up" if change > 0 else "Down"

    @property
    def activity(self) -> Activity:
        if self.average_time_on_market <= HOT_DAYS:
            return "Hot"
        return "Warm" if self.average_time_on_market <= SLOW_DAYS else "Cool"


def market_analysis_tool(listings: Peer) -> Tool:
    """The tool, reading the figures from the `listings` peer."""

    def get_market_analysis(arguments: JsonObject, caller: Caller) -> MarketAnalysis:
        area = {"area": arguments["area"]}
        return _analysis(listings.ask("/market", area, caller, Market, UnknownAreaError))

    return Tool(
        name="getMarketAnalysis",
        description=(
            "Average price, price change in percent, days on the market, supply, competition and "
            "trends of one city's market."
        ),
        input_schema=arguments_schema(
            {
                "area": {
                    "type": "string",
                    "description": "City and state, such as Portland, OR",
                    "minLength": 1,
                    "maxLength": 100,
                }
            },
            required=("area",),
        ),
        output=MarketAnalysis,
        annotations=reading("Get market analysis"),
        handler=get_market_analysis,
    )


def _analysis(market: Market) -> MarketAnalysis:
    analysis = MarketAnalysis(
        area=market.area,
        average_price=round(market.average_price),
        price_change=market.price_change,
        average_time_on_market=round(market.average_time_on_market),
        total_listings=market.total_listings,
        sold_listings=market.sold_listings,
        pending_listings=market.pending_listings,
        competition_level=market.competition,
        trends=Trends(price_direction=market.direction, market_activity=market.activity),
    )
    analysis._market = market
    return analysis
