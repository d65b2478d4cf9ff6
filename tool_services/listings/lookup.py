"""Listings by id, for this service's tools and, at GET /listings, for other services."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from itertools import chain, zip_longest

from flask import Flask, Response, jsonify, request
from sqlalchemy import select

from tool_services.framework.arguments import read_arguments
from tool_services.framework.running import verify_reader
from tool_services.framework.schemas import ToolArguments
from tool_services.listings.errors import UnknownListingError
from tool_services.listings.home import Home
from tool_services.listings.listing_ids import ListingIds, normalize_ids
from tool_services.listings.models import Listing, db

MAX_SUGGESTIONS = 5


class _Ids(ToolArguments):
    listing_ids: ListingIds


def add_lookup_endpoint(app: Flask) -> None:
    """Add GET /listings?ids=L001,L002 for other services."""

    @app.get("/listings")
    def show_listings() -> Response:
        verify_reader()
        ids = normalize_ids([part for part in request.args.get("ids", "").split(",") if part])
        listings = listings_by_id(read_arguments(_Ids, {"listingIds": ids}).listing_ids)
        return jsonify(listings=[Home.of(listing).as_json() for listing in listings])


def listings_by_id(listing_ids: Sequence[str]) -> list[Listing]:
    """Return the listings in the order of the ids. Raises UnknownListingError."""
    wanted = normalize_ids(listing_ids)
    found = db.session.scalars(select(Listing).where(Listing.ListingId.in_(wanted)))
    by_id = {listing.ListingId: listing for listing in found}
    unknown = [listing_id for listing_id in wanted if listing_id not in by_id]
    if unknown:
        raise _unknown_listing(unknown)
    return [by_id[listing_id] for listing_id in wanted]


def _unknown_listing(unknown: Sequence[str]) -> UnknownListingError:
    similar = _similar_ids(unknown)
    suggestion = f"Similar ids: {', '.join(similar)}." if similar else "There are no listings."
    return UnknownListingError(f"No listing has the id {', '.join(unknown)}. {suggestion}")


def _similar_ids(unknown: Sequence[str]) -> list[str]:
    """Return ids similar to the unknown ones, from among their neighbours in sorted order."""
    neighbours: set[str] = set()
    for listing_id in unknown[:MAX_SUGGESTIONS]:
        for condition, order in (
            (Listing.ListingId > listing_id, Listing.ListingId.asc()),
            (Listing.ListingId < listing_id, Listing.ListingId.desc()),
        ):
            ids = select(Listing.ListingId).where(condition).order_by(order)
            neighbours.update(db.session.scalars(ids.limit(MAX_SUGGESTIONS)))
    similar = [get_close_matches(one, neighbours, MAX_SUGGESTIONS, 0.0) for one in unknown]
    best = dict.fromkeys(chain.from_iterable(zip_longest(*similar)))
    return [listing_id for listing_id in best if listing_id][:MAX_SUGGESTIONS]
