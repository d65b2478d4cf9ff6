"""The getListingMetrics tool."""

from __future__ import annotations

from collections.abc import Sequence

from tool_services.analytics.display import metrics_page
from tool_services.analytics.listings_client import ListingIds, listings_service, normalize_ids
from tool_services.analytics.metrics import NO_METRICS, ListingMetrics, metrics_by_id
from tool_services.analytics.models import db
from tool_services.analytics.scopes import LISTINGS_SCOPE
from tool_services.framework.display import DisplayPart
from tool_services.framework.schemas import ToolResult
from tool_services.framework.tokens import Caller
from tool_services.framework.tools import tool


class FoundMetrics(ToolResult):
    """The result of getListingMetrics, in the order of the ids."""

    metrics: list[ListingMetrics]

    def shown(self) -> Sequence[DisplayPart]:
        return [metrics_page(self.metrics)]

    def suggested(self) -> Sequence[str]:
        if len(self.metrics) == 1:
            return ("Make a performance report", "Send it to me")
        return ("Make a performance report for these", "Send these to me")


@tool(
    reads_only=True,
    peer_scopes=(LISTINGS_SCOPE,),
    examples=["How is L001 doing?"],
    words="Reading|Read how {listingIds} did",
)
def get_listing_metrics(listing_ids: ListingIds, caller: Caller) -> FoundMetrics:
    """Views, saves, inquiries, days on the market, click-through and conversion of each listing."""
    listing_ids = normalize_ids(listing_ids)
    known = metrics_by_id(listing_ids)
    # Don't hold a database connection while waiting for the network.
    db.session.remove()
    without_metrics = [listing_id for listing_id in listing_ids if listing_id not in known]
    if without_metrics:
        listings_service().homes_by_id(without_metrics, caller)
    return FoundMetrics(
        metrics=[
            ListingMetrics(**known.get(listing_id, NO_METRICS).model_dump(), listing_id=listing_id)
            for listing_id in listing_ids
        ]
    )
