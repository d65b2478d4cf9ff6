"""Lists of listing ids, as every tool that takes them reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tool_services.framework.errors import UnknownListingError

MOST_LISTINGS = 50

LISTING_IDS_SCHEMA: dict[str, Any] = {
    "type": "array",
    "title": "Listings",
    "description": 'Ids of the listings, such as ["L001", "L005"]',
    "items": {"type": "string", "minLength": 1, "maxLength": 40},
    "minItems": 1,
    "maxItems": MOST_LISTINGS,
    "uniqueItems": True,
}


def normal_ids(listing_ids: Sequence[str]) -> list[str]:
    """The ids in their stored spelling (upper case), each once, in the order given."""
    return list(dict.fromkeys(listing_id.strip().upper() for listing_id in listing_ids))


def unknown_listing(unknown: Sequence[str], nearest: Sequence[str]) -> UnknownListingError:
    """The error that names the ids which no listing has, and those `nearest` to them."""
    suggestion = f"The nearest ids: {', '.join(nearest)}." if nearest else "There are no listings."
    return UnknownListingError(f"No listing has the id {', '.join(unknown)}. {suggestion}")
