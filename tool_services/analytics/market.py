"""The getMarketAnalysis tool."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlalchemy import select

from tool_services.analytics.models import MarketArea, db
from tool_services.errors import UnknownAreaError
from tool_services.tokens import Caller
from tool_services.tools import JsonObject, Tool, arguments_schema, reading
from tool_services.us_states import state_code


def get_market_analysis(arguments: JsonObject, _caller: Caller) -> JsonObject:
    """The figures of the market that `area` names. Raises UnknownAreaError."""
    areas = db.session.scalars(select(MarketArea).order_by(MarketArea.Area)).all()
    return _area_json(_named_area(arguments["area"], areas))


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


def _area_json(area: MarketArea) -> JsonObject:
    return {
        "area": area.Area,
        "averagePrice": area.AveragePrice,
        "priceChange": area.PriceChange,
        "averageTimeOnMarket": area.AverageDaysOnMarket,
        "totalListings": area.TotalListings,
        "soldListings": area.SoldListings,
        "pendingListings": area.PendingListings,
        "competitionLevel": area.CompetitionLevel,
        "trends": {
            "priceDirection": area.PriceDirection,
            "marketActivity": area.MarketActivity,
        },
    }


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
    annotations=reading("Get market analysis"),
    handler=get_market_analysis,
)
