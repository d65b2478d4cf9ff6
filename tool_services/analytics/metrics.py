"""The metrics of listings, counted from what visitors did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field
from sqlalchemy import func, select

from tool_services.analytics.models import Exposure, Interaction, db
from tool_services.framework.schemas import Timestamp, ToolResult
from tool_services.framework.timestamps import iso_utc


class Metrics(ToolResult):
    """How a listing performs."""

    page_views: int
    saves: int
    inquiries: int
    days_on_market: Annotated[int, Field(description="Days from the first interaction to the last")]
    click_through_percent: Annotated[float, Field(description="Views per 100 impressions")]
    conversion_percent: Annotated[float, Field(description="Inquiries per 100 visitors")]
    last_updated: Timestamp | None


class ListingMetrics(Metrics):
    """The metrics of one listing, with its id."""

    listing_id: str


NO_METRICS = Metrics(
    page_views=0,
    saves=0,
    inquiries=0,
    days_on_market=0,
    click_through_percent=0.0,
    conversion_percent=0.0,
    last_updated=None,
)


def metrics_by_id(listing_ids: Sequence[str]) -> dict[str, Metrics]:
    """Return the metrics of those listings that have any interaction."""
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
    impressions = _impressions(listing_ids)
    return {
        listing_id: Metrics(
            page_views=views,
            saves=saves,
            inquiries=inquiries,
            days_on_market=(last - first).days,
            click_through_percent=_percent(views, impressions.get(listing_id, 0)),
            conversion_percent=_percent(inquiries, visitors),
            last_updated=iso_utc(last),
        )
        for listing_id, views, visitors, saves, inquiries, first, last in rows
    }


def _impressions(listing_ids: Sequence[str]) -> dict[str, int]:
    rows = db.session.execute(
        select(Exposure.ListingId, func.sum(Exposure.Impressions))
        .where(Exposure.ListingId.in_(listing_ids))
        .group_by(Exposure.ListingId)
    )
    return {row[0]: int(row[1]) for row in rows}


def _percent(count: int, of: int) -> float:
    return round(100 * count / of, 1) if of else 0.0
