"""Searching listings for words, with what each database has for it."""

from __future__ import annotations

import re

from sqlalchemy import ColumnElement, literal_column, text

from tool_services.errors import InvalidArgumentsError
from tool_services.listings.models import Listing, db

_ON_SQLITE = text("SELECT rowid FROM listing_words WHERE listing_words MATCH :words")


def has_words(query: str) -> ColumnElement[bool]:
    """The condition that a listing has every word of `query`, in whatever form and order."""
    words = re.findall(r"\w+", query)
    if not words:
        raise InvalidArgumentsError(f"query must hold a word, not {query!r}.")
    if db.engine.dialect.name == "sqlite":
        every = " ".join(f'"{word}"' for word in words)
        return Listing.Key.in_(_ON_SQLITE.bindparams(words=every).columns(Listing.Key))
    wanted = text("plainto_tsquery('english', :words)").bindparams(words=" ".join(words))
    return literal_column('listings."Words"').op("@@")(wanted)
