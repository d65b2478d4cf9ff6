"""The getListing tool: everything about one home."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated

from pydantic import Field

from tool_services.framework.schemas import ToolArguments
from tool_services.framework.tokens import Caller
from tool_services.framework.tools import DisplayPart, Tool, ToolOutput, read_only
from tool_services.listings.home import Home
from tool_services.listings.home_cards import home_cards
from tool_services.listings.listing_ids import MAX_ID_CHARS
from tool_services.listings.lookup import listings_by_id
from tool_services.listings.models import Listing
from tool_services.listings.scopes import READ_SCOPE


class ListingRequest(ToolArguments):
    """The arguments of getListing."""

    listing_id: Annotated[
        str,
        Field(
            title="Listing",
            description="Id of a listing that the user named or a tool returned",
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


def get_listing(arguments: ListingRequest, _caller: Caller) -> ToolOutput:
    """Return the listing. Raises UnknownListingError."""
    [listing] = listings_by_id([arguments.listing_id])
    found = ListingDetails.of(listing)
    return ToolOutput(found, partial(_display, found))


def _display(found: ListingDetails) -> Sequence[DisplayPart]:
    return [home_cards([found], f"Listing {found.listing_id}")]


GET_LISTING = Tool(
    name="getListing",
    description="Tells all about one home by its id: address, price, rooms, status, description.",
    arguments_type=ListingRequest,
    result_type=ListingDetails,
    annotations=read_only("Get a listing"),
    handler=get_listing,
    scope=READ_SCOPE,
)
