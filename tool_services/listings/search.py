"""Finding listings: the findListings tool, and the look-up by id that other services use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from flask import Flask, Response, jsonify, request
from pydantic import Field
from sqlalchemy import ColumnElement, func, select

from tool_services.homes import Home
from tool_services.listing_ids import LISTING_IDS_SCHEMA, normal_ids, require_known
from tool_services.listings.models import Listing, db
from tool_services.schema import check_arguments
from tool_services.tokens import CALL_SCOPE, Caller, TokenVerifier
from tool_services.tools import JsonObject, Tool, ToolResult, arguments_schema, reading
from tool_services.us_states import state_code

MOST_RESULTS = 50
_IDS_SCHEMA = arguments_schema({"listingIds": LISTING_IDS_SCHEMA}, required=("listingIds",))


class FoundListings(ToolResult):
    """What findListings answers."""

    total: Annotated[int, Field(description="How many match, also those not shown")]
    listings: list[Home]


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
    )


def listings_by_id(listing_ids: Sequence[str]) -> list[Listing]:
    """The listings in the order of the ids. Raises UnknownListingError."""
    wanted = normal_ids(listing_ids)
    found = db.session.scalars(select(Listing).where(Listing.ListingId.in_(wanted)))
    by_id = {listing.ListingId: listing for listing in found}
    require_known(wanted, by_id)
    return [by_id[listing_id] for listing_id in wanted]


def find_listings(arguments: JsonObject, _caller: Caller) -> FoundListings:
    """The cheapest listings that meet every condition given, and how many meet them in all."""
    matching = select(Listing).where(*_conditions(arguments))
    total = db.session.scalar(select(func.count()).select_from(matching.subquery())) or 0
    cheapest = matching.order_by(Listing.ListPrice, Listing.ListingId).limit(MOST_RESULTS)
    return FoundListings(total=total, listings=list(map(home_of, db.session.scalars(cheapest))))


def _conditions(arguments: JsonObject) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if "city" in arguments:
        conditions.append(func.lower(Listing.City) == arguments["city"].strip().lower())
    if "state" in arguments:
        conditions.append(func.upper(Listing.StateOrProvince) == state_code(arguments["state"]))
    if "minBedrooms" in arguments:
        conditions.append(Listing.BedroomsTotal >= arguments["minBedrooms"])
    if "maxPrice" in arguments:
        conditions.append(Listing.ListPrice <= arguments["maxPrice"])
    if "status" in arguments:
        conditions.append(Listing.StandardStatus == arguments["status"])
    return conditions


def serve_listings(app: Flask, verifier: TokenVerifier) -> None:
    """Add GET /listings?ids=L001,L002 for other services."""

    @app.get("/listings")
    def show_listings() -> Response:
        verifier.caller(request.headers.get("Authorization"), CALL_SCOPE)
        listing_ids = normal_ids([part for part in request.args.get("ids", "").split(",") if part])
        check_arguments(_IDS_SCHEMA, {"listingIds": listing_ids})
        return jsonify(listings=[home_of(one).as_json() for one in listings_by_id(listing_ids)])


FIND_LISTINGS = Tool(
    name="findListings",
    description=(
        "Finds homes by any mix of city, state, bedrooms, price and status, cheapest first. "
        f"Shows at most {MOST_RESULTS}; total counts all that match."
    ),
    input_schema=arguments_schema(
        {
            "city": {
                "type": "string",
                "description": "City, such as Portland",
                "minLength": 1,
                "maxLength": 100,
            },
            "state": {
                "type": "string",
                "description": "State, such as OR or Oregon",
                "minLength": 1,
                "maxLength": 100,
            },
            "minBedrooms": {
                "type": "integer",
                "description": "Fewest bedrooms",
                "minimum": 0,
                "maximum": 100,
            },
            "maxPrice": {
                "type": "number",
                "description": "Highest price in US dollars",
                "exclusiveMinimum": 0,
                "maximum": 1_000_000_000_000,
            },
            "status": {
                "type": "string",
                "description": "Where the sale stands",
                "enum": ["Active", "Pending", "Sold"],
            },
        }
    ),
    output=FoundListings,
    annotations=reading("Find listings"),
    handler=find_listings,
)
