"""The generatePerformanceReport tool: figures of this service beside the homes they belong to."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean
from typing import Annotated

from pydantic import Field

from tool_services.analytics.display import report_page, report_table
from tool_services.analytics.listing_metrics import Figures, Metrics, Rate, metrics_by_id
from tool_services.analytics.listings_client import listed_homes
from tool_services.analytics.recommendations import Performance, recommendations
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
from tool_services.listings.home import Dollars, Status
from tool_services.listings.listing_ids import LISTING_IDS_SCHEMA, normal_ids


class TopPerformer(ToolResult):
    listing_id: str
    conversion_rate: Rate
    address: str


class Summary(ToolResult):
    """All of the listings together."""

    total_views: int
    total_inquiries: int
    average_time_on_market: Annotated[float, Field(description="Days")]
    top_performer: TopPerformer
    recommendations: list[str]


class Line(ToolResult):
    """One listing of the report."""

    listing_id: str
    address: Annotated[str, Field(description="Street, city, state and postal code")]
    price: Dollars
    bedrooms: int
    bathrooms: int | float
    status: Status
    metrics: Figures


class PerformanceReport(ToolResult):
    """What generatePerformanceReport answers."""

    summary: Summary
    listings: list[Line]

    def shown(self) -> Sequence[Part]:
        return [report_page(self), report_table(self)]


def performance_report_tool(listings: Peer) -> Tool:
    """The tool, reading homes from the `listings` peer."""

    def generate_performance_report(arguments: JsonObject, caller: Caller) -> PerformanceReport:
        return _report(listings, normal_ids(arguments["listingIds"]), caller)

    return Tool(
        name="generatePerformanceReport",
        description=(
            "A report on how listings do: totals, top performer, recommendations, and each "
            "listing's address, price, rooms, status and metrics."
        ),
        input_schema=arguments_schema({"listingIds": LISTING_IDS_SCHEMA}, required=("listingIds",)),
        output=PerformanceReport,
        annotations=reading("Generate a performance report"),
        handler=generate_performance_report,
    )


def _report(listings: Peer, listing_ids: Sequence[str], caller: Caller) -> PerformanceReport:
    # The peer comes first: no database connection may be held while waiting for the network.
    homes = listed_homes(listings, listing_ids, caller)
    known = metrics_by_id(listing_ids)
    performances = [Performance(homes[one], known.get(one, Metrics(one))) for one in listing_ids]
    lines = [_line(one) for one in performances]
    return PerformanceReport(summary=_summary(performances), listings=lines)


def _summary(performances: Sequence[Performance]) -> Summary:
    top = max(performances, key=lambda one: one.figures.conversion_rate)
    return Summary(
        total_views=sum(one.figures.views for one in performances),
        total_inquiries=sum(one.figures.inquiries for one in performances),
        average_time_on_market=round(mean(one.figures.days_on_market for one in performances), 1),
        top_performer=TopPerformer(
            listing_id=top.home.listing_id,
            conversion_rate=top.figures.conversion_rate,
            address=top.home.full_address,
        ),
        recommendations=recommendations(performances),
    )


def _line(performance: Performance) -> Line:
    home = performance.home
    return Line(
        listing_id=home.listing_id,
        address=home.full_address,
        price=home.price,
        bedrooms=home.bedrooms,
        bathrooms=home.bathrooms,
        status=home.status,
        metrics=Figures.of(performance.figures),
    )
