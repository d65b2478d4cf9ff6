"""The generatePerformanceReport tool."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from tool_services.analytics.display import report_page, report_table
from tool_services.analytics.listings_client import ListingIds, listings_service, normalize_ids
from tool_services.analytics.metrics import NO_METRICS, metrics_by_id
from tool_services.analytics.performance_report import PerformanceReport
from tool_services.analytics.recommendations import Performance
from tool_services.analytics.scopes import LISTINGS_SCOPE, READ_SCOPE
from tool_services.framework.schemas import ToolArguments
from tool_services.framework.tokens import Caller
from tool_services.framework.tools import DisplayPart, Tool, ToolOutput, read_only


class ReportRequest(ToolArguments):
    """The arguments of generatePerformanceReport."""

    listing_ids: ListingIds


def _generate(arguments: ReportRequest, caller: Caller) -> ToolOutput:
    listing_ids = normalize_ids(arguments.listing_ids)
    # Homes first: no database connection is held while waiting for the network.
    homes = listings_service().homes_by_id(listing_ids, caller)
    metrics = metrics_by_id(listing_ids)
    report = PerformanceReport.of(
        [
            Performance(homes[listing_id], metrics.get(listing_id, NO_METRICS))
            for listing_id in listing_ids
        ]
    )
    return ToolOutput(report, partial(_display, report))


def _display(report: PerformanceReport) -> Sequence[DisplayPart]:
    return [report_page(report), report_table(report)]


GENERATE_PERFORMANCE_REPORT = Tool(
    name="generatePerformanceReport",
    description=(
        "A report on how listings do: totals, top performer, recommendations, and each "
        "listing's address, price, rooms, status and metrics."
    ),
    arguments_type=ReportRequest,
    result_type=PerformanceReport,
    annotations=read_only("Generate a performance report"),
    handler=_generate,
    scope=READ_SCOPE,
    peer_scopes=(LISTINGS_SCOPE,),
)
