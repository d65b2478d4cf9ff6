"""Lists of listing ids in arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from tool_services.framework.schemas import Distinct

MAX_LISTINGS = 50
MAX_ID_CHARS = 40

ListingIds = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=MAX_ID_CHARS)]],
    Field(
        title="Listings",
        description="Ids that the user or a tool named",
        min_length=1,
        max_length=MAX_LISTINGS,
    ),
    Distinct(),
]


def normalize_ids(listing_ids: Sequence[str]) -> list[str]:
    """Return the ids as they are stored, in upper case, each once, in the same order."""
    return list(dict.fromkeys(listing_id.strip().upper() for listing_id in listing_ids))
