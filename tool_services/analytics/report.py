"""The generatePerformanceReport tool: figures of this service beside the homes they belong to."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean

from tool_services.analytics.listed_homes import listed_homes
from tool_services.analytics.metrics import metrics_by_id, metrics_json
from tool_services.analytics.recommendations import Performance, recommendations
from tool_services.listing_ids import LISTING_IDS_SCHEMA, normal_ids
from tool_services.peer import Peer
from tool_services.tokens import Caller
from tool_services.tools import JsonObject, Tool, arguments_schema, reading


def performance_report_tool(listings: Peer) -> Tool:
    """The tool, reading homes from the `listings` peer."""

    def generate_performance_report(arguments: JsonObject, caller: Caller) -> JsonObject:
        return _report(listings, normal_ids(arguments["listingIds"]), caller)

    return Tool(
        name="generatePerformanceReport",
        description=(
            "A report on how listings do: totals, top performer, recommendations, and each "
            "listing's address, price, rooms, status and metrics."
        ),
        input_schema=arguments_schema({"listingIds": LISTING_IDS_SCHEMA}, required=("listingIds",)),
        annotations=reading("Generate a performance report"),
        handler=generate_performance_report,
    )


def _report(listings: Peer, listing_ids: Sequence[str], caller: Caller) -> JsonObject:
    # The peer comes first: no database connection may be held while waiting for the network.
    homes = listed_homes(listings, listing_ids, caller)
    performances = [
        Performance(homes[figures.ListingId], figures) for figures in metrics_by_id(listing_ids)
    ]
    return {"summary": _summary(performances), "listings": [_line(one) for one in performances]}


def _summary(performances: Sequence[Performance]) -> JsonObject:
    top = max(performances, key=lambda one: one.figures.ConversionRate)
    return {
        "totalViews": sum(one.figures.PageViews for one in performances),
        "totalInquiries": sum(one.figures.Inquiries for one in performances),
        "averageTimeOnMarket": round(mean(one.figures.DaysOnMarket for one in performances), 1),
        "topPerformer": {
            "listingId": top.home.listingId,
            "conversionRate": top.figures.ConversionRate,
            "address": top.home.full_address,
        },
        "recommendations": recommendations(performances),
    }


def _line(performance: Performance) -> JsonObject:
    home = performance.home
    metrics = metrics_json(performance.figures)
    del metrics["listingId"]
    return {
        "listingId": home.listingId,
        "address": home.full_address,
        "price": home.price,
        "bedrooms": home.bedrooms,
        "bathrooms": home.bathrooms,
        "status": home.status,
        "metrics": metrics,
    }
