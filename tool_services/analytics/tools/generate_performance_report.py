"""The generatePerformanceReport tool."""

from __future__ import annotations

from collections.abc import Sequence

from tool_services.analytics.display import report_page, report_table
from tool_services.analytics.listings_client import ListingIds, listings_service, normalize_ids
from tool_services.analytics.metrics import NO_METRICS, metrics_by_id
from tool_services.analytics.performance_report import PerformanceReport
from tool_services.analytics.recommendations import Performance
from tool_services.analytics.scopes import LISTINGS_SCOPE
from tool_services.framework.display import DisplayPart
from tool_services.framework.progress import Progress
from tool_services.framework.tokens import Caller
from tool_services.framework.tools import tool


class ShownReport(PerformanceReport):
    """The result of generatePerformanceReport, with a page and a table for people."""

    def shown(self) -> Sequence[DisplayPart]:
        return [report_page(self), report_table(self)]

    def suggested(self) -> Sequence[str]:
        return ("Send it to me" if len(self.listings) == 1 else "Send these to me",)


@tool(
    title="Generate a performance report",
    reads_only=True,
    peer_scopes=(LISTINGS_SCOPE,),
    examples=["Performance report for L001, L003 and L009"],
    words="Writing|Wrote a performance report for {listingIds}",
)
def generate_performance_report(
    listing_ids: ListingIds, caller: Caller, progress: Progress
) -> ShownReport:
    """A report on how listings do: totals, top performer, recommendations, and each one's home and
    metrics."""
    listing_ids = normalize_ids(listing_ids)
    # Homes first: no database connection is held while waiting for the network.
    progress.report(0, 2, "Reading the homes")
    homes = listings_service().homes_by_id(listing_ids, caller)
    progress.report(1, 2, "Counting views and inquiries")
    metrics = metrics_by_id(listing_ids)
    return ShownReport.of(
        [
            Performance(homes[listing_id], metrics.get(listing_id, NO_METRICS))
            for listing_id in listing_ids
        ]
    )
