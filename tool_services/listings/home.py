"""A home as the service gives it to models, to people and to other services."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import Field

from tool_services.framework.schemas import ToolResult
from tool_services.listings.models import Listing, PropertyType, Status


class Home(ToolResult):
    """One listing."""

    listing_id: str
    address: Annotated[str, Field(description="Number and street")]
    city: str
    state: Annotated[str, Field(description="Two letters")]
    zip_code: str
    price: Annotated[int, Field(description="US dollars")]
    bedrooms: int
    bathrooms: Annotated[int | float, Field(description="A half bathroom counts as 0.5")]
    status: Status
    property_type: PropertyType

    def suggested(self) -> Sequence[str]:
        market = f"How is the market in {self.city}, {self.state}?"
        return ("How is it doing?", market, "Send it to me")

    @classmethod
    def of(cls, listing: Listing) -> Self:
        bathrooms = listing.BathroomsTotal
        return cls(
            listing_id=listing.ListingId,
            address=listing.StreetAddress,
            city=listing.City,
            state=listing.StateOrProvince,
            zip_code=listing.PostalCode,
            price=listing.ListPrice,
            bedrooms=listing.BedroomsTotal,
            bathrooms=int(bathrooms) if bathrooms.is_integer() else bathrooms,
            status=listing.StandardStatus,
            property_type=listing.PropertyType,
        )
