"""The getListing tool: everything about one home."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from tool_services.framework.display import DisplayPart
from tool_services.framework.tools import tool
from tool_services.listings.home import Home
from tool_services.listings.home_cards import home_cards
from tool_services.listings.listing_ids import MAX_ID_CHARS
from tool_services.listings.lookup import listings_by_id
from tool_services.listings.models import Listing

ListingId = Annotated[
    str,
    Field(
        title="Listing",
        description="Id that the user or a tool named",
        min_length=1,
        max_length=MAX_ID_CHARS,
    ),
]


class ListingDetails(Home):
    """The result of getListing."""

    description: Annotated[str, Field(description="What the seller says of the home")]
    on_market_date: Annotated[str, Field(description="Since when it is for sale, YYYY-MM-DD")]

    @classmethod
    def of(cls, listing: Listing) -> ListingDetails:
        return cls(
            **Home.of(listing).model_dump(),
            description=listing.PublicRemarks,
            on_market_date=listing.OnMarketDate.isoformat(),
        )

    def shown(self) -> Sequence[DisplayPart]:
        return [home_cards([self], f"Listing {self.listing_id}")]


@tool(reads_only=True, words="Looking|Looked at listing {listingId}")
def get_listing(listing_id: ListingId) -> ListingDetails:
    """All about one home: address, price, rooms, status, description."""
    [listing] = listings_by_id([listing_id])
    return ListingDetails.of(listing)
