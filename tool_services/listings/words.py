"""Searching listings for words, with what each database has for it."""

from __future__ import annotations

import re

from sqlalchemy import ColumnElement, literal_column, text

from tool_services.errors import InvalidArgumentsError
from tool_services.listings.models import Listing, db

# PostgreSQL leaves such words out by itself; here for both, so that both find the same.
_SMALL_WORDS = frozenset(
    """
    a an and are as at by for from in is it not of on or the to with
    """.split()  # noqa: SIM905 - a line of words reads better
)
_ON_SQLITE = text("SELECT rowid FROM listing_words WHERE listing_words MATCH :words")
_ON_POSTGRES = text("(plainto_tsquery('english', :words) && CAST(:places AS tsquery))")


def has_words(
    query: str, *, city: str | None = None, state: str | None = None
) -> ColumnElement[bool]:
    """The condition that a listing has every word of `query`, in whatever form and order, but for
    the smallest.

    Where `city` (as the CityKey has it) or `state` (its code) is asked for as well, naming it here
    lets the index for words leave out the rest of the country.
    """
    words = [word for word in re.findall(r"\w+", query) if word.casefold() not in _SMALL_WORDS]
    if not words:
        raise InvalidArgumentsError(f"query must hold a word to look for, not {query!r}.")
    if db.engine.dialect.name == "sqlite":
        parts = [f'"{word}"' for word in words]
        parts += [f"{{City}} : {_phrase(city)}"] if city else []
        parts += [f"{{StateOrProvince}} : {_phrase(state)}"] if state else []
        matching = _ON_SQLITE.bindparams(words=" AND ".join(parts))
        return Listing.Key.in_(matching.columns(Listing.Key))
    places = [f"city:{city}"] if city else []
    places += [f"state:{state}"] if state else []
    wanted = _ON_POSTGRES.bindparams(
        words=" ".join(words), places=" & ".join(f"'{_quoted(place)}'" for place in places)
    )
    return literal_column('listings."Words"').op("@@")(wanted)


def _phrase(place: str) -> str:
    """A place's name as FTS5 takes it; without a word in it, one that nothing has."""
    return '"' + " ".join(re.findall(r"\w+", place) or ["-"]) + '"'


def _quoted(word: str) -> str:
    return word.replace("\\", "\\\\").replace("'", "''")
