"""The getMarketAnalysis tool."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field
from sqlalchemy import select

from tool_services.analytics.models import MarketArea, db
from tool_services.errors import UnknownAreaError
from tool_services.homes import Dollars
from tool_services.tokens import Caller
from tool_services.tools import JsonObject, Tool, ToolResult, arguments_schema, reading
from tool_services.us_states import state_code


class Trends(ToolResult):
    price_direction: str
    market_activity: str


class MarketAnalysis(ToolResult):
    """What getMarketAnalysis answers."""

    area: str
    average_price: Dollars
    price_change: Annotated[float, Field(description="Percent in a year")]
    average_time_on_market: Annotated[int, Field(description="Days")]
    total_listings: int
    sold_listings: int
    pending_listings: int
    competition_level: str
    trends: Trends


def get_market_analysis(arguments: JsonObject, _caller: Caller) -> MarketAnalysis:
    """The figures of the market that `area` names. Raises UnknownAreaError."""
    areas = db.session.scalars(select(MarketArea).order_by(MarketArea.Area)).all()
    return _analysis(_named_area(arguments["area"], areas))


def _named_area(text: str, areas: Sequence[MarketArea]) -> MarketArea:
    spellings = _spellings(text)
    matching = [area for area in areas if spellings & {_plain(area.Area)}]
    matching = matching or [area for area in areas if _city(area) == _plain(text)]
    if len(matching) == 1:
        return matching[0]
    if matching:
        names = "; ".join(area.Area for area in matching)
        raise UnknownAreaError(f"{text!r} could be any of these: {names}. Add the state.")
    names = "; ".join(area.Area for area in areas)
    raise UnknownAreaError(f"There are no figures for {text!r}. The areas known are: {names}.")


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text)).upper()


def _city(area: MarketArea) -> str:
    return _plain(area.Area.rpartition(",")[0])


def _spellings(text: str) -> set[str]:
    """The text as it is, and with its last words read as a state: PORTLAND OREGON, PORTLAND OR."""
    words = _plain(text).split()
    splits = ((words[:at], words[at:]) for at in range(1, len(words)))
    as_written = {" ".join(words)}
    return as_written | {" ".join([*city, state_code(" ".join(state))]) for city, state in splits}


def _analysis(area: MarketArea) -> MarketAnalysis:
    return MarketAnalysis(
        area=area.Area,
        average_price=area.AveragePrice,
        price_change=area.PriceChange,
        average_time_on_market=area.AverageDaysOnMarket,
        total_listings=area.TotalListings,
        sold_listings=area.SoldListings,
        pending_listings=area.PendingListings,
        competition_level=area.CompetitionLevel,
        trends=Trends(price_direction=area.PriceDirection, market_activity=area.MarketActivity),
    )


GET_MARKET_ANALYSIS = Tool(
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
