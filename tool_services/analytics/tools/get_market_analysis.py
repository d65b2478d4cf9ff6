"""The getMarketAnalysis tool."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated

from pydantic import Field

from tool_services.analytics.display import market_page
from tool_services.analytics.listings_client import ListingsClient, Market
from tool_services.analytics.market_analysis import MarketAnalysis
from tool_services.analytics.scopes import LISTINGS_SCOPE, READ_SCOPE
from tool_services.framework.schemas import ToolArguments
from tool_services.framework.tokens import Caller
from tool_services.framework.tools import DisplayPart, Tool, ToolOutput, read_only


class AnalysisRequest(ToolArguments):
    """The arguments of getMarketAnalysis."""

    area: Annotated[
        str, Field(description="City and state, with a comma", min_length=1, max_length=100)
    ]


def market_analysis_tool(listings: ListingsClient) -> Tool:
    """Return the tool. It reads the market's figures from `listings`."""
    return Tool(
        name="getMarketAnalysis",
        description=(
            "Average price, price change in percent, days on the market, supply, competition and "
            "trends of one city's market."
        ),
        arguments_type=AnalysisRequest,
        result_type=MarketAnalysis,
        annotations=read_only("Get market analysis"),
        handler=partial(_analyse, listings),
        scope=READ_SCOPE,
        peer_scopes=(LISTINGS_SCOPE,),
    )


def _analyse(listings: ListingsClient, arguments: AnalysisRequest, caller: Caller) -> ToolOutput:
    market = listings.market(arguments.area, caller)
    analysis = MarketAnalysis.of(market)
    return ToolOutput(analysis, partial(_display, analysis, market))


def _display(analysis: MarketAnalysis, market: Market) -> Sequence[DisplayPart]:
    return [market_page(analysis, market)]
