"""A home as the services show it to models, to people and to each other."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tool_services.framework.tools import ToolResult

Dollars = Annotated[int, Field(description="US dollars")]
Status = Literal["Active", "Pending", "Sold"]
PropertyType = Literal["House", "Townhouse", "Condo", "Multi-family", "Manufactured", "Land"]


class Home(ToolResult):
    """One listing."""

    listing_id: str
    address: Annotated[str, Field(description="Number and street")]
    city: str
    state: Annotated[str, Field(description="Two letters, such as OR")]
    zip_code: str
    price: Dollars
    bedrooms: int
    bathrooms: Annotated[int | float, Field(description="A half bathroom counts as 0.5")]
    status: Status
    property_type: PropertyType

    @property
    def full_address(self) -> str:
        """Such as "123 Oak Street, Portland, OR 97201"."""
        return f"{self.address}, {self.city}, {self.state} {self.zip_code}"
