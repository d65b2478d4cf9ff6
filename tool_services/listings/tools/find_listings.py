"""The findListings tool."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field
from sqlalchemy import ColumnElement, func, select

from tool_services.framework.display import DisplayPart
from tool_services.framework.errors import InvalidArgumentsError
from tool_services.framework.schemas import (
    ACCEPT_ZERO_FRACTION,
    Omittable,
    ToolArguments,
    ToolResult,
)
from tool_services.framework.tools import tool
from tool_services.listings.home import Home
from tool_services.listings.home_cards import home_cards
from tool_services.listings.models import Listing, PropertyType, Status, city_key, db
from tool_services.listings.near_matches import describe_near_matches
from tool_services.listings.text_search import Conditions, Matches, Order, contains_words, search
from tool_services.listings.us_states import state_code

MAX_RESULTS = 50
# Counting further would take too long for a number that nobody needs.
MAX_COUNTED = 10_000
MAX_PAGES = 200

_ORDERS: dict[str, Order] = {
    "cheapest": (Listing.ListPrice, Listing.ListingId),
    "dearest": (Listing.ListPrice.desc(), Listing.ListingId.desc()),
    "newest": (Listing.OnMarketDate.desc(), Listing.ListingId.desc()),
}

Words = Annotated[str, Field(min_length=1, max_length=100)]
Rooms = Annotated[int, Field(ge=0, le=100), ACCEPT_ZERO_FRACTION]
Price = Annotated[float, Field(gt=0, le=1_000_000_000_000)]


class Search(ToolArguments):
    """The arguments of findListings."""

    city: Annotated[Omittable[Words], Field(title="City", description="Without its state")] = None
    state: Annotated[Omittable[Words], Field(title="State", description="Name or two letters")] = (
        None
    )
    min_bedrooms: Annotated[Omittable[Rooms], Field(title="Fewest bedrooms")] = None
    max_bedrooms: Annotated[Omittable[Rooms], Field(title="Most bedrooms")] = None
    min_bathrooms: Annotated[
        Omittable[Annotated[float, Field(ge=0, le=100)]],
        Field(title="Fewest bathrooms", description="A half one counts as 0.5"),
    ] = None
    min_price: Annotated[
        Omittable[Price], Field(title="Lowest price", description="US dollars")
    ] = None
    max_price: Annotated[
        Omittable[Price], Field(title="Highest price", description="US dollars")
    ] = None
    property_type: Annotated[Omittable[PropertyType], Field(title="Kind of home")] = None
    status: Annotated[Omittable[Status], Field(title="Status of the sale")] = None
    query: Annotated[
        Omittable[Words],
        Field(title="Words", description="In the description or address"),
    ] = None
    sort: Annotated[Literal["cheapest", "dearest", "newest"], Field(title="Which come first")] = (
        "cheapest"
    )
    limit: Annotated[
        int,
        Field(title="Homes on a page", ge=1, le=MAX_RESULTS),
        ACCEPT_ZERO_FRACTION,
    ] = MAX_RESULTS
    page: Annotated[
        int,
        Field(title="Page", description="A result's nextPage is the next", ge=1, le=MAX_PAGES),
        ACCEPT_ZERO_FRACTION,
    ] = 1


class FoundListings(ToolResult):
    """The result of findListings: one page."""

    total: Annotated[int, Field(description="How many match, on all pages")]
    total_is_exact: Annotated[bool, Field(description="False if there may be more")]
    page: int
    next_page: Annotated[int | None, Field(description="The page to ask for to see more")]
    listings: list[Home]
    note: Annotated[
        str | None, Field(description="If nothing matches, what does with one condition less")
    ] = None

    @property
    def heading(self) -> str:
        """Such as "50 of 1,200 homes, page 1"."""
        here = len(self.listings)
        if self.page == 1 and self.next_page is None:
            return f"{here} home{'' if here == 1 else 's'}"
        total = f"{self.total:,}" if self.total_is_exact else f"about {self.total:,} or more"
        return f"{here} of {total} homes, page {self.page}"

    def shown(self) -> Sequence[DisplayPart]:
        return [home_cards(self.listings, self.heading)] if self.listings else ()

    def in_words(self) -> str:
        return f"{self.total:,}{'' if self.total_is_exact else ' or more'} found"

    def suggested(self) -> Sequence[str]:
        match self.listings:
            case []:
                return ()
            case [home]:
                return home.suggested()
        return ("How are those doing?", "Anything cheaper?", "Send these to me")


@tool(
    reads_only=True,
    examples=["Find me 3-bedroom homes in Portland under $900,000"],
    words=(
        "Searching|Searched homes[ in {city}][ in {state}][ about “{query}”] · {propertyType}"
        " · {minBedrooms}+ beds · up to {maxBedrooms} beds · {minBathrooms}+ baths"
        " · from ${minPrice:,} · up to ${maxPrice:,} · {status}"
    ),
)
def find_listings(arguments: Search) -> FoundListings:
    """Finds homes by any of these conditions, a page at a time; total counts all that match."""
    order = _ORDERS[arguments.sort]
    limit, page = arguments.limit, arguments.page
    # An index has all that is needed to find the page's keys. Rows are read for the page alone.
    matches = _matches(arguments, (page - 1) * limit, limit)
    on_page = select(Listing).where(Listing.Key.in_(matches.keys[:limit])).order_by(*order)
    has_more = len(matches.keys) > limit
    return FoundListings(
        total=min(matches.total, MAX_COUNTED),
        total_is_exact=matches.is_exact and matches.total <= MAX_COUNTED,
        page=page,
        next_page=page + 1 if has_more and page < MAX_PAGES else None,
        listings=list(map(Home.of, db.session.scalars(on_page))),
        note=None if matches.total else _near_matches(arguments),
    )


def _near_matches(arguments: Search) -> str:
    return describe_near_matches(
        arguments, ("query", *reversed(_CONDITIONS)), lambda wider: _matches(wider, 0, 1)
    )


def _matches(arguments: Search, offset: int, limit: int) -> Matches:
    conditions = _conditions(arguments)
    order = _ORDERS[arguments.sort]
    if arguments.query is not None:
        return search(conditions, _words_condition(arguments), order, offset, limit)
    return _match(conditions, order, offset, limit)


def _match(conditions: Conditions, order: Order, offset: int, limit: int) -> Matches:
    keys = select(Listing.Key).where(*conditions).order_by(*order)
    found = list(db.session.scalars(keys.limit(limit + 1).offset(offset)))
    total = offset + len(found)
    if len(found) > limit or (offset and not found):
        counted = select(Listing.Key).where(*conditions).limit(MAX_COUNTED + 1)
        total = db.session.scalar(select(func.count()).select_from(counted.subquery())) or 0
    return Matches(found, total)


def _conditions(arguments: Search) -> list[ColumnElement[bool]]:
    _check_range("Price", arguments.min_price, arguments.max_price)
    _check_range("Bedrooms", arguments.min_bedrooms, arguments.max_bedrooms)
    return [
        condition(value)
        for name, condition in _CONDITIONS.items()
        if (value := getattr(arguments, name)) is not None
    ]


def _check_range(name: str, lowest: float | None, highest: float | None) -> None:
    if lowest is not None and highest is not None and lowest > highest:
        raise InvalidArgumentsError(f"min{name} must not be more than max{name}.")


def _words_condition(arguments: Search) -> ColumnElement[bool]:
    return contains_words(
        arguments.query or "",
        city=arguments.city and city_key(arguments.city),
        state=arguments.state and state_code(arguments.state),
    )


# Prices are whole dollars. Comparing them with a fraction would keep PostgreSQL from its index.
_CONDITIONS: dict[str, Callable[[Any], ColumnElement[bool]]] = {
    "city": lambda city: Listing.CityKey == city_key(city),
    "state": lambda state: Listing.StateOrProvince == state_code(state),
    "min_bedrooms": lambda fewest: Listing.BedroomsTotal >= fewest,
    "max_bedrooms": lambda most: Listing.BedroomsTotal <= most,
    "min_bathrooms": lambda fewest: Listing.BathroomsTotal >= fewest,
    "min_price": lambda lowest: Listing.ListPrice >= math.ceil(lowest),
    "max_price": lambda highest: Listing.ListPrice <= math.floor(highest),
    "property_type": lambda kind: Listing.PropertyType == kind,
    "status": lambda status: Listing.StandardStatus == status,
}
