"""What the listings service knows about some listings, asked with a token meant for it."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel

from tool_services.framework.errors import UnknownListingError
from tool_services.framework.peer import Peer
from tool_services.framework.tokens import Caller
from tool_services.listings.home import Home


class _Answer(BaseModel):
    listings: list[Home]


def listed_homes(peer: Peer, listing_ids: Sequence[str], caller: Caller) -> dict[str, Home]:
    """The homes by listing id, every one asked for.

    Raises UnknownListingError with the peer's sentence, or UpstreamUnavailableError.
    """
    ids = {"ids": ",".join(listing_ids)}
    homes = peer.ask("/listings", ids, caller, _Answer, UnknownListingError).listings
    by_id = {home.listing_id: home for home in homes}
    if by_id.keys() != set(listing_ids):
        raise peer.unavailable("answered about other listings than those asked for")
    return by_id
