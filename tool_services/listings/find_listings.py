"""Finding listings: the findListings tool, and the look-up by id that other services use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from itertools import chain, zip_longest
from typing import Annotated, Any, get_args

from flask import Flask, Response, jsonify, request
from pydantic import Field
from sqlalchemy import ColumnElement, func, select

from tool_services.framework.arguments import check_arguments
from tool_services.framework.errors import InvalidArgumentsError
from tool_services.framework.tokens import CALL_SCOPE, Caller, TokenVerifier
from tool_services.framework.tools import (
    JsonObject,
    Part,
    Tool,
    ToolResult,
    arguments_schema,
    reading,
)
from tool_services.listings.home import Home, PropertyType, Status
from tool_services.listings.home_cards import cards
from tool_services.listings.listing_ids import LISTING_IDS_SCHEMA, normal_ids, unknown_listing
from tool_services.listings.models import Listing, city_key, db
from tool_services.listings.text_search import Conditions, Found, Order, found_with_words, has_words
from tool_services.listings.us_states import state_code

MOST_RESULTS = 50
# Counting on would take longer than anybody wants to wait, for a number that nobody reads.
MOST_COUNTED = 10_000
MOST_PAGES = 200
MOST_SUGGESTIONS = 5
_IDS_SCHEMA = arguments_schema({"listingIds": LISTING_IDS_SCHEMA}, required=("listingIds",))

_ORDERS: dict[str, Order] = {
    "cheapest": (Listing.ListPrice, Listing.ListingId),
    "dearest": (Listing.ListPrice.desc(), Listing.ListingId.desc()),
    "newest": (Listing.OnMarketDate.desc(), Listing.ListingId.desc()),
}


class FoundListings(ToolResult):
    """What findListings answers."""

    total: Annotated[int, Field(description="How many match, also those not shown")]
    total_is_exact: Annotated[
        bool, Field(description="False where there are about so many, or even more")
    ]
    page: int
    next_page: Annotated[int | None, Field(description="Ask for this page to see more")]
    listings: list[Home]

    def shown(self) -> Sequence[Part]:
        return [cards(self.listings, self._count())] if self.listings else ()

    def _count(self) -> str:
        """How many there are, and which of them these are."""
        here = len(self.listings)
        if self.page == 1 and self.next_page is None:
            return f"{here} home{'' if here == 1 else 's'}"
        every = f"{self.total:,}" if self.total_is_exact else f"about {self.total:,} or more"
        return f"{here} of {every} homes, page {self.page}"


def home_of(listing: Listing) -> Home:
    """A listing as the tools show it."""
    bathrooms = listing.BathroomsTotal
    return Home(
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


def listings_by_id(listing_ids: Sequence[str]) -> list[Listing]:
    """The listings in the order of the ids. Raises UnknownListingError."""
    wanted = normal_ids(listing_ids)
    found = db.session.scalars(select(Listing).where(Listing.ListingId.in_(wanted)))
    by_id = {listing.ListingId: listing for listing in found}
    unknown = [one for one in wanted if one not in by_id]
    if unknown:
        raise unknown_listing(unknown, _nearest_ids(unknown))
    return [by_id[listing_id] for listing_id in wanted]


def _nearest_ids(unknown: Sequence[str]) -> list[str]:
    """Ids that there are: of those beside each unknown one in order, the most alike."""
    beside: set[str] = set()
    for one in unknown[:MOST_SUGGESTIONS]:
        for condition, order in (
            (Listing.ListingId > one, Listing.ListingId.asc()),
            (Listing.ListingId < one, Listing.ListingId.desc()),
        ):
            ids = select(Listing.ListingId).where(condition).order_by(order)
            beside.update(db.session.scalars(ids.limit(MOST_SUGGESTIONS)))
    alike = [get_close_matches(one, beside, MOST_SUGGESTIONS, 0.0) for one in unknown]
    best = dict.fromkeys(chain.from_iterable(zip_longest(*alike)))
    return [one for one in best if one][:MOST_SUGGESTIONS]


def find_listings(arguments: JsonObject, _caller: Caller) -> FoundListings:
    """One page of the listings that meet every condition given, and how many meet them in all."""
    limit, page = arguments.get("limit", MOST_RESULTS), arguments.get("page", 1)
    conditions = _conditions(arguments)
    order = _ORDERS[arguments.get("sort", "cheapest")]
    offset = (page - 1) * limit
    # The index has all that is needed to find the page; rows are read for what is on it.
    if "query" in arguments:
        found = found_with_words(conditions, _words(arguments), order, offset, limit)
    else:
        found = _found(conditions, order, offset, limit)
    shown = select(Listing).where(Listing.Key.in_(found.keys[:limit])).order_by(*order)
    there_is_more = len(found.keys) > limit
    return FoundListings(
        total=min(found.total, MOST_COUNTED),
        total_is_exact=found.exact and found.total <= MOST_COUNTED,
        page=page,
        next_page=page + 1 if there_is_more and page < MOST_PAGES else None,
        listings=list(map(home_of, db.session.scalars(shown))),
    )


def _found(conditions: Conditions, order: Order, offset: int, limit: int) -> Found:
    keys = select(Listing.Key).where(*conditions).order_by(*order)
    found = list(db.session.scalars(keys.limit(limit + 1).offset(offset)))
    total = offset + len(found)
    if len(found) > limit or (offset and not found):
        counted = select(Listing.Key).where(*conditions).limit(MOST_COUNTED + 1)
        total = db.session.scalar(select(func.count()).select_from(counted.subquery())) or 0
    return Found(found, total)


def _conditions(arguments: JsonObject) -> list[ColumnElement[bool]]:
    for low, high in (("minPrice", "maxPrice"), ("minBedrooms", "maxBedrooms")):
        if low in arguments and high in arguments and arguments[low] > arguments[high]:
            raise InvalidArgumentsError(f"{low} must not be more than {high}.")
    return [
        condition(arguments[name]) for name, condition in _CONDITIONS.items() if name in arguments
    ]


def _words(arguments: JsonObject) -> ColumnElement[bool]:
    city, state = arguments.get("city"), arguments.get("state")
    places = {"city": city and city_key(city), "state": state and state_code(state)}
    return has_words(arguments["query"], **places)


_CONDITIONS: dict[str, Callable[[Any], ColumnElement[bool]]] = {
    "city": lambda city: Listing.CityKey == city_key(city),
    "state": lambda state: Listing.StateOrProvince == state_code(state),
    "minBedrooms": lambda fewest: Listing.BedroomsTotal >= fewest,
    "maxBedrooms": lambda most: Listing.BedroomsTotal <= most,
    "minBathrooms": lambda fewest: Listing.BathroomsTotal >= fewest,
    "minPrice": lambda lowest: Listing.ListPrice >= lowest,
    "maxPrice": lambda highest: Listing.ListPrice <= highest,
    "propertyType": lambda kind: Listing.PropertyType == kind,
    "status": lambda status: Listing.StandardStatus == status,
}


def serve_listings(app: Flask, verifier: TokenVerifier) -> None:
    """Add GET /listings?ids=L001,L002 for other services."""

    @app.get("/listings")
    def show_listings() -> Response:
        verifier.caller(request.headers.get("Authorization"), CALL_SCOPE)
        listing_ids = normal_ids([part for part in request.args.get("ids", "").split(",") if part])
        check_arguments(_IDS_SCHEMA, {"listingIds": listing_ids})
        return jsonify(listings=[home_of(one).as_json() for one in listings_by_id(listing_ids)])


_SENTENCE = {"type": "string", "minLength": 1, "maxLength": 100}
_ROOMS = {"type": "integer", "minimum": 0, "maximum": 100}
_PRICE = {"type": "number", "exclusiveMinimum": 0, "maximum": 1_000_000_000_000}

FIND_LISTINGS = Tool(
    name="findListings",
    description=(
        "Finds homes by any mix of city, state, rooms, price, type, status and words. Shows one "
        f"page of at most {MOST_RESULTS}; total counts all that match."
    ),
    input_schema=arguments_schema(
        {
            "city": _SENTENCE | {"description": "City, such as Portland"},
            "state": _SENTENCE | {"description": "State, such as OR or Oregon"},
            "minBedrooms": _ROOMS | {"description": "Fewest bedrooms"},
            "maxBedrooms": _ROOMS | {"description": "Most bedrooms"},
            "minBathrooms": {
                "type": "number",
                "description": "Fewest bathrooms; a half one counts as 0.5",
                "minimum": 0,
                "maximum": 100,
            },
            "minPrice": _PRICE | {"description": "Lowest price in US dollars"},
            "maxPrice": _PRICE | {"description": "Highest price in US dollars"},
            "propertyType": {
                "type": "string",
                "description": "Kind of home",
                "enum": list(get_args(PropertyType)),
            },
            "status": {
                "type": "string",
                "description": "Where the sale stands",
                "enum": list(get_args(Status)),
            },
            "query": _SENTENCE
            | {"description": "Words that the description or address must have, such as lake view"},
            "sort": {
                "type": "string",
                "description": "Which come first; cheapest unless told",
                "enum": list(_ORDERS),
            },
            "limit": {
                "type": "integer",
                "description": f"Listings on a page; {MOST_RESULTS} unless told",
                "minimum": 1,
                "maximum": MOST_RESULTS,
            },
            "page": {
                "type": "integer",
                "description": "Which page, from 1; nextPage of a result is the one after it",
                "minimum": 1,
                "maximum": MOST_PAGES,
            },
        }
    ),
    output=FoundListings,
    annotations=reading("Find listings"),
    handler=find_listings,
)
