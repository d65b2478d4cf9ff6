"""The getListingMetrics tool."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from tool_services.analytics.display import metrics_page
from tool_services.analytics.listings_client import ListingIds, listings_service, normalize_ids
from tool_services.analytics.metrics import NO_METRICS, ListingMetrics, metrics_by_id
from tool_services.analytics.models import db
from tool_services.analytics.scopes import LISTINGS_SCOPE, READ_SCOPE
from tool_services.framework.schemas import ToolArguments, ToolResult
from tool_services.framework.tokens import Caller
from tool_services.framework.tools import DisplayPart, Tool, ToolOutput, read_only


class MetricsRequest(ToolArguments):
    """The arguments of getListingMetrics."""

    listing_ids: ListingIds


class FoundMetrics(ToolResult):
    """The result of getListingMetrics, in the order of the ids."""

    metrics: list[ListingMetrics]


def _get_metrics(arguments: MetricsRequest, caller: Caller) -> ToolOutput:
    listing_ids = normalize_ids(arguments.listing_ids)
    known = metrics_by_id(listing_ids)
    # Don't hold a database connection while waiting for the network.
    db.session.remove()
    without_metrics = [listing_id for listing_id in listing_ids if listing_id not in known]
    if without_metrics:
        listings_service().homes_by_id(without_metrics, caller)
    found = FoundMetrics(
        metrics=[
            ListingMetrics(**known.get(listing_id, NO_METRICS).model_dump(), listing_id=listing_id)
            for listing_id in listing_ids
        ]
    )
    return ToolOutput(found, partial(_display, found))


def _display(found: FoundMetrics) -> Sequence[DisplayPart]:
    return [metrics_page(found.metrics)]


GET_LISTING_METRICS = Tool(
    name="getListingMetrics",
    description=(
        "Views, saves, inquiries, days on the market, click-through rate and conversion rate "
        "of each listing."
    ),
    arguments_type=MetricsRequest,
    result_type=FoundMetrics,
    annotations=read_only("Get listing metrics"),
    handler=_get_metrics,
    scope=READ_SCOPE,
    peer_scopes=(LISTINGS_SCOPE,),
)
