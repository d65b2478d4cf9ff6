"""A report on listings: their metrics beside the homes, totals and recommendations."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean
from typing import Annotated, Self

from pydantic import Field

from tool_services.analytics.listings_client import Status
from tool_services.analytics.metrics import Metrics
from tool_services.analytics.recommendations import Performance, recommendations
from tool_services.framework.schemas import ToolResult


class TopPerformer(ToolResult):
    """The listing with the highest conversion."""

    listing_id: str
    conversion_percent: Annotated[float, Field(description="Inquiries per 100 visitors")]
    address: str


class Summary(ToolResult):
    """All of the listings together."""

    total_views: int
    total_inquiries: int
    average_days_on_market: Annotated[float, Field(description="Days")]
    top_performer: TopPerformer
    recommendations: list[str]


class ReportLine(ToolResult):
    """One listing of the report."""

    listing_id: str
    address: Annotated[str, Field(description="Street, city, state and postal code")]
    price: Annotated[int, Field(description="US dollars")]
    bedrooms: int
    bathrooms: int | float
    status: Status
    metrics: Metrics


class PerformanceReport(ToolResult):
    """The result of generatePerformanceReport."""

    summary: Summary
    listings: list[ReportLine]

    @classmethod
    def of(cls, performances: Sequence[Performance]) -> Self:
        return cls(summary=_summary(performances), listings=list(map(_line, performances)))


def _summary(performances: Sequence[Performance]) -> Summary:
    top = max(performances, key=lambda each: each.metrics.conversion_percent)
    return Summary(
        total_views=sum(each.metrics.page_views for each in performances),
        total_inquiries=sum(each.metrics.inquiries for each in performances),
        average_days_on_market=round(mean(each.metrics.days_on_market for each in performances), 1),
        top_performer=TopPerformer(
            listing_id=top.home.listing_id,
            conversion_percent=top.metrics.conversion_percent,
            address=top.home.full_address,
        ),
        recommendations=recommendations(performances),
    )


def _line(performance: Performance) -> ReportLine:
    home = performance.home
    return ReportLine(
        listing_id=home.listing_id,
        address=home.full_address,
        price=home.price,
        bedrooms=home.bedrooms,
        bathrooms=home.bathrooms,
        status=home.status,
        metrics=performance.metrics,
    )
