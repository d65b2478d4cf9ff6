"""The getListingMetrics tool: how listings are doing, counted from what people did with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Self

from pydantic import Field
from sqlalchemy import func, select

from tool_services.analytics.display import metrics_page
from tool_services.analytics.listings_client import listed_homes
from tool_services.analytics.models import Exposure, Interaction, db
from tool_services.framework.database import iso_utc
from tool_services.framework.peer import Peer
from tool_services.framework.tokens import Caller
from tool_services.framework.tools import (
    JsonObject,
    Moment,
    Part,
    Tool,
    ToolResult,
    arguments_schema,
    reading,
)
from tool_services.listings.listing_ids import LISTING_IDS_SCHEMA, normal_ids


@dataclass(frozen=True)
class Metrics:
    """One listing's figures. `visitors` are different people who opened it, `impressions` how
    often it was shown among others; `first` and `last` are None while nobody has done anything."""

    listing_id: str
    views: int = 0
    visitors: int = 0
    saves: int = 0
    inquiries: int = 0
    impressions: int = 0
    first: datetime | None = None
    last: datetime | None = None

    @property
    def days_on_market(self) -> int:
        """From the first to the last that anybody did with it."""
        return (self.last - self.first).days if self.first and self.last else 0

    @property
    def click_through_rate(self) -> float:
        """The share of those times it was shown at which it was opened."""
        return round(self.views / self.impressions, 3) if self.impressions else 0.0

    @property
    def conversion_rate(self) -> float:
        """Inquiries for each person who opened it."""
        return round(self.inquiries / self.visitors, 3) if self.visitors else 0.0


def metrics_by_id(listing_ids: Sequence[str]) -> dict[str, Metrics]:
    """The figures of each of the listings that anybody has done anything with."""
    kind, visitor = Interaction.Kind, Interaction.VisitorId
    rows = db.session.execute(
        select(
            Interaction.ListingId,
            func.count().filter(kind == "view"),
            func.count(visitor.distinct()).filter(kind == "view"),
            func.count().filter(kind == "save"),
            func.count().filter(kind == "inquiry"),
            func.min(Interaction.At),
            func.max(Interaction.At),
        )
        .where(Interaction.ListingId.in_(listing_ids))
        .group_by(Interaction.ListingId)
    ).all()
    exposures = db.session.execute(
        select(Exposure.ListingId, func.sum(Exposure.Impressions))
        .where(Exposure.ListingId.in_(listing_ids))
        .group_by(Exposure.ListingId)
    )
    shown = {row[0]: int(row[1]) for row in exposures}
    return {
        one: Metrics(one, views, visitors, saves, inquiries, shown.get(one, 0), first, last)
        for one, views, visitors, saves, inquiries, first, last in rows
    }


Rate = Annotated[float, Field(description="A fraction, from 0 to 1")]


class Figures(ToolResult):
    """How a listing is doing."""

    page_views: int
    saves: int
    inquiries: int
    time_on_market: Annotated[int, Field(description="Days")]
    click_through_rate: Annotated[
        float, Field(description="Views for each time it was shown, from 0 to 1")
    ]
    conversion_rate: Annotated[
        float, Field(description="Inquiries for each person who opened it, from 0 to 1")
    ]
    last_updated: Moment | None

    @classmethod
    def of(cls, metrics: Metrics, **more: str) -> Self:
        return cls(
            page_views=metrics.views,
            saves=metrics.saves,
            inquiries=metrics.inquiries,
            time_on_market=metrics.days_on_market,
            click_through_rate=metrics.click_through_rate,
            conversion_rate=metrics.conversion_rate,
            last_updated=iso_utc(metrics.last) if metrics.last else None,
            **more,
        )


class FiguresOfListing(Figures):
    listing_id: str


class ListingFigures(ToolResult):
    """What getListingMetrics answers."""

    metrics: list[FiguresOfListing]

    def shown(self) -> Sequence[Part]:
        return [metrics_page(self.metrics)]


def listing_metrics_tool(listings: Peer) -> Tool:
    """The tool; the `listings` peer knows whether a listing without figures exists."""

    def get_listing_metrics(arguments: JsonObject, caller: Caller) -> ListingFigures:
        wanted = normal_ids(arguments["listingIds"])
        known = metrics_by_id(wanted)
        # No database connection may be held while waiting for the network.
        db.session.remove()
        quiet = [one for one in wanted if one not in known]
        if quiet:
            listed_homes(listings, quiet, caller)
        figures = [known.get(one, Metrics(one)) for one in wanted]
        return ListingFigures(
            metrics=[FiguresOfListing.of(one, listing_id=one.listing_id) for one in figures]
        )

    return Tool(
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
