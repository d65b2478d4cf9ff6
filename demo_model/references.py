"""Which of the homes seen before a text refers to: "those", "the second one", "the cheapest"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from operator import attrgetter

from demo_model.phrases import NUMBERS, listing_ids, number
from demo_model.results import Listing

_ORDINALS = {"first": 0, "1st": 0, "second": 1, "2nd": 1, "third": 2, "3rd": 2, "fourth": 3}
_ORDINALS |= {"4th": 3, "fifth": 4, "5th": 4, "last": -1}
_COUNT = rf"(\d{{1,2}}|{'|'.join(NUMBERS)})"
_FIRST_FEW = re.compile(rf"\b(?:first|top) {_COUNT}\b", re.I)
_ORDINAL = re.compile(rf"\b({'|'.join(_ORDINALS)})\b(?! (?:time|name|week|month|year))", re.I)
_POINTERS = re.compile(
    r"\b(?:those|these|them|they|both|it|its|that one|this one|(?:that|this) (?:home|house|listing)"
    r"|all of (?:them|those|these)|the (?:homes|houses|listings|results|properties|ones))\b",
    re.I,
)

SUPERLATIVES: dict[str, str] = {
    "cheapest": r"cheapest|least expensive|lowest[- ]pric\w+|lowest price",
    "most expensive": r"most expensive|priciest|dearest|highest[- ]pric\w+|highest price",
    "largest": r"largest|biggest|most (?:bed)?rooms",
    "smallest": r"smallest|fewest (?:bed)?rooms",
}


@dataclass(frozen=True)
class Seen:
    """The homes of the conversation so far: all, those of the last table, those last talked of."""

    listings: tuple[Listing, ...] = ()
    table: tuple[Listing, ...] = ()
    focus: tuple[str, ...] = ()


def superlative(text: str) -> str:
    """The superlative in the text, as SUPERLATIVES names it; empty when there is none."""
    found = (
        name for name, words in SUPERLATIVES.items() if re.search(rf"\b(?:{words})", text, re.I)
    )
    return next(found, "")


def pick(name: str, listings: tuple[Listing, ...]) -> tuple[Listing, ...]:
    """The homes that a superlative fits; more than one when they tie."""
    size = attrgetter("price" if name in ("cheapest", "most expensive") else "bedrooms")
    sizes = [value for value in map(size, listings) if value is not None]
    if not sizes:
        return ()
    best = min(sizes) if name in ("cheapest", "smallest") else max(sizes)
    return tuple(listing for listing in listings if size(listing) == best)


def named(text: str, seen: Seen) -> tuple[str, ...]:
    """The ids of the homes named by id, address, place in the table or superlative."""
    return listing_ids(text) or _by_address(text, seen) or _by_position(text, seen)


def by_pronoun(text: str, seen: Seen) -> tuple[str, ...]:
    """The ids of the homes that a pronoun in the text stands for."""
    return seen.focus if _POINTERS.search(text) else ()


def refers_back(text: str) -> bool:
    """True when the text refers to homes seen before, whether or not there are any."""
    patterns = (_POINTERS, _ORDINAL, _FIRST_FEW)
    return bool(superlative(text)) or any(pattern.search(text) for pattern in patterns)


def _by_address(text: str, seen: Seen) -> tuple[str, ...]:
    return tuple(
        listing.listing_id
        for listing in seen.listings
        if listing.address and listing.address.lower() in text.lower()
    )


def _by_position(text: str, seen: Seen) -> tuple[str, ...]:
    if superlatives := superlative(text):
        return _ids(pick(superlatives, seen.table))
    if few := _FIRST_FEW.search(text):
        return _ids(seen.table[: number(few[1])])
    positions = [_ORDINALS[word.lower()] for word in _ORDINAL.findall(text)]
    count = len(seen.table)
    return _ids(tuple(seen.table[place] for place in positions if -count <= place < count))


def _ids(listings: tuple[Listing, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(listing.listing_id for listing in listings))
