"""The getListingMetrics tool."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from tool_services.analytics.models import ListingMetrics, db
from tool_services.database import iso_utc
from tool_services.listing_ids import LISTING_IDS_SCHEMA, normal_ids, require_known
from tool_services.tokens import Caller
from tool_services.tools import JsonObject, Tool, arguments_schema, reading


def metrics_by_id(listing_ids: Sequence[str]) -> list[ListingMetrics]:
    """The figures in the order of the ids. Raises UnknownListingError."""
    wanted = normal_ids(listing_ids)
    found = db.session.scalars(select(ListingMetrics).where(ListingMetrics.ListingId.in_(wanted)))
    by_id = {figures.ListingId: figures for figures in found}
    require_known(wanted, by_id)
    return [by_id[listing_id] for listing_id in wanted]


def metrics_json(figures: ListingMetrics) -> JsonObject:
    """One listing's figures; `timeOnMarket` in days, rates as fractions from 0 to 1."""
    return {
        "listingId": figures.ListingId,
        "pageViews": figures.PageViews,
        "saves": figures.Saves,
        "inquiries": figures.Inquiries,
        "timeOnMarket": figures.DaysOnMarket,
        "clickThroughRate": figures.ClickThroughRate,
        "conversionRate": figures.ConversionRate,
        "lastUpdated": iso_utc(figures.LastUpdated),
    }


def get_listing_metrics(arguments: JsonObject, _caller: Caller) -> JsonObject:
    """The figures of each listing asked for."""
    return {"metrics": [metrics_json(one) for one in metrics_by_id(arguments["listingIds"])]}


GET_LISTING_METRICS = Tool(
    name="getListingMetrics",
    description=(
        "Views, saves, inquiries, days on the market, click-through rate and conversion rate "
        "of each listing."
    ),
    input_schema=arguments_schema({"listingIds": LISTING_IDS_SCHEMA}, required=("listingIds",)),
    annotations=reading("Get listing metrics"),
    handler=get_listing_metrics,
)
