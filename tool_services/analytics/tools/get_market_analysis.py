"""The getMarketAnalysis tool."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, PrivateAttr

from tool_services.analytics.display import market_page
from tool_services.analytics.listings_client import Market, listings_service
from tool_services.analytics.market_analysis import MarketAnalysis
from tool_services.analytics.scopes import LISTINGS_SCOPE
from tool_services.framework.display import DisplayPart
from tool_services.framework.tokens import Caller
from tool_services.framework.tools import tool

Area = Annotated[
    str, Field(description="City and state, with a comma", min_length=1, max_length=100)
]


class AnalysedMarket(MarketAnalysis):
    """The result of getMarketAnalysis. Its charts are drawn from more than a model is told."""

    _market: Market = PrivateAttr()

    def shown(self) -> Sequence[DisplayPart]:
        return [market_page(self, self._market)]

    def suggested(self) -> Sequence[str]:
        return (f"Find homes in {self.area}", f"Find condos in {self.area}")


@tool(
    reads_only=True,
    peer_scopes=(LISTINGS_SCOPE,),
    examples=["How is the market in Seattle, WA?"],
    words="Reading|Read the market of {area}",
)
def get_market_analysis(area: Area, caller: Caller) -> AnalysedMarket:
    """Average price and its change, days on the market, supply, competition and trends of one
    city's market."""
    market = listings_service().market(area, caller)
    analysis = AnalysedMarket.of(market)
    analysis._market = market
    return analysis
