"""What this service asks the listings service: homes by id, and the figures of a market.

The classes have those fields of its answers that this service uses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from tool_services.framework.errors import InvalidArgumentsError
from tool_services.framework.peer import PeerClient
from tool_services.framework.running import peer
from tool_services.framework.schemas import Distinct
from tool_services.framework.tokens import Caller

Status = Literal["Active", "Pending", "Sold"]

# The same as the listings service takes.
ListingIds = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=40)]],
    Field(
        title="Listings",
        description="Ids that the user or a tool named",
        min_length=1,
        max_length=50,
    ),
    Distinct(),
]


def normalize_ids(listing_ids: Sequence[str]) -> list[str]:
    """Return the ids as they are stored, in upper case, each once, in the same order."""
    return list(dict.fromkeys(listing_id.strip().upper() for listing_id in listing_ids))


class UnknownListingError(InvalidArgumentsError):
    code = "unknown_listing"


class UnknownAreaError(InvalidArgumentsError):
    code = "unknown_area"


class _Answer(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, frozen=True)


class Home(_Answer):
    """A listing. `price` is in US dollars. A half bathroom counts as 0.5."""

    listing_id: str
    address: str
    city: str
    state: str
    zip_code: str
    price: int
    bedrooms: int
    bathrooms: int | float
    status: Status

    @property
    def full_address(self) -> str:
        """Such as "123 Oak Street, Portland, OR 97201"."""
        return f"{self.address}, {self.city}, {self.state} {self.zip_code}"


class Quarter(_Answer):
    """The average price of a quarter, in US dollars."""

    name: str
    average_price: float


class PriceBand(_Answer):
    """How many homes cost `lowest` dollars or more, but less than the next band's `lowest`."""

    lowest: int
    homes: int


class Market(_Answer):
    """The figures of a market in the last year. Prices are in US dollars."""

    area: str
    average_price: float
    previous_average_price: float | None
    average_time_on_market: float
    total_listings: int
    sold_listings: int
    pending_listings: int
    quarters: list[Quarter] = []
    price_bands: list[PriceBand] = []


class _Homes(BaseModel):
    listings: list[Home]


@dataclass(frozen=True)
class ListingsClient:
    """A client of the listings service."""

    peer: PeerClient

    def homes_by_id(self, listing_ids: Sequence[str], caller: Caller) -> dict[str, Home]:
        """Return the home of each id.

        Raises UnknownListingError with the listings service's message, or UpstreamUnavailableError.
        """
        params = {"ids": ",".join(listing_ids)}
        answer = self.peer.get("/listings", params, caller, _Homes, UnknownListingError)
        by_id = {home.listing_id: home for home in answer.listings}
        if by_id.keys() != set(listing_ids):
            raise self.peer.unavailable("answered with other listings than it was asked for")
        return by_id

    def market(self, area: str, caller: Caller) -> Market:
        """Return the figures of an area's market.

        Raises UnknownAreaError with the listings service's message, or UpstreamUnavailableError.
        """
        return self.peer.get("/market", {"area": area}, caller, Market, UnknownAreaError)


def listings_service() -> ListingsClient:
    """Return the client of the listings service that this one asks."""
    return ListingsClient(peer("listings"))
