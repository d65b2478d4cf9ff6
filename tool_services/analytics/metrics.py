"""The getListingMetrics tool."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import Field
from sqlalchemy import select

from tool_services.analytics.models import ListingMetrics, db
from tool_services.database import iso_utc
from tool_services.listing_ids import LISTING_IDS_SCHEMA, normal_ids, require_known
from tool_services.tokens import Caller
from tool_services.tools import JsonObject, Moment, Tool, ToolResult, arguments_schema, reading


def metrics_by_id(listing_ids: Sequence[str]) -> list[ListingMetrics]:
    """The figures in the order of the ids. Raises UnknownListingError."""
    wanted = normal_ids(listing_ids)
    found = db.session.scalars(select(ListingMetrics).where(ListingMetrics.ListingId.in_(wanted)))
    by_id = {figures.ListingId: figures for figures in found}
    require_known(wanted, by_id)
    return [by_id[listing_id] for listing_id in wanted]


Rate = Annotated[float, Field(description="A fraction, from 0 to 1")]


class Figures(ToolResult):
    """How a listing is doing."""

    page_views: int
    saves: int
    inquiries: int
    time_on_market: Annotated[int, Field(description="Days")]
    click_through_rate: Rate
    conversion_rate: Rate
    last_updated: Moment

    @classmethod
    def of(cls, row: ListingMetrics, **more: str) -> Self:
        return cls(
            page_views=row.PageViews,
            saves=row.Saves,
            inquiries=row.Inquiries,
            time_on_market=row.DaysOnMarket,
            click_through_rate=row.ClickThroughRate,
            conversion_rate=row.ConversionRate,
            last_updated=iso_utc(row.LastUpdated),
            **more,
        )


class FiguresOfListing(Figures):
    listing_id: str


class ListingFigures(ToolResult):
    """What getListingMetrics answers."""

    metrics: list[FiguresOfListing]


def get_listing_metrics(arguments: JsonObject, _caller: Caller) -> ListingFigures:
    """The figures of each listing asked for."""
    rows = metrics_by_id(arguments["listingIds"])
    return ListingFigures(
        metrics=[FiguresOfListing.of(row, listing_id=row.ListingId) for row in rows]
    )


GET_LISTING_METRICS = Tool(
    name="getListingMetrics",
    description=(
        "Views, saves, inquiries, days on the market, click-through rate and conversion rate "
        "of each listing."
    ),
    input_schema=arguments_schema({"listingIds": LISTING_IDS_SCHEMA}, required=("listingIds",)),
    output=ListingFigures,
    annotations=reading("Get listing metrics"),
    handler=get_listing_metrics,
)
