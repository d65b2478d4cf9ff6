"""Search listings for words, with the full-text search of SQLite (FTS5) or of PostgreSQL."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Executable,
    Select,
    UnaryExpression,
    func,
    literal_column,
    select,
    text,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.expression import ClauseElement

from tool_services.framework.errors import InvalidArgumentsError
from tool_services.listings.models import Listing, db

# PostgreSQL ignores such words. They are left out here, so that both databases find the same.
_STOP_WORDS = frozenset(
    """
    a an and are as at by for from in is it not of on or the to with
    """.split()  # noqa: SIM905 - a line of words reads better
)
# On PostgreSQL, words that many listings contain are found soon by scanning the listings in
# order. After this many rows without a full page the words are rare, and the index is faster.
SCAN_ROWS = 6_000
_ON_SQLITE = text("SELECT rowid FROM listing_words WHERE listing_words MATCH :words")
_ON_POSTGRES = text("(plainto_tsquery('english', :words) && CAST(:places AS tsquery))")

Conditions = Sequence[ColumnElement[bool]]
Order = tuple[UnaryExpression[Any] | InstrumentedAttribute[Any], ...]


@dataclass(frozen=True)
class Matches:
    """The keys of a page, plus one if there is a next page, and the number of all matches."""

    keys: Sequence[int]
    total: int
    is_exact: bool = True


def contains_words(
    query: str, *, city: str | None = None, state: str | None = None
) -> ColumnElement[bool]:
    """Return the condition that a listing contains every word of `query`, in any form and order.

    If the search has a `city` (a CityKey) or a `state` (a code), naming it here lets the word
    index skip the rest of the country. Raises InvalidArgumentsError for a query without words.
    """
    words = [word for word in re.findall(r"\w+", query) if word.casefold() not in _STOP_WORDS]
    if not words:
        raise InvalidArgumentsError(f"query must contain a word to search for, not {query!r}.")
    if db.engine.dialect.name == "sqlite":
        return _sqlite_condition(words, city, state)
    return _postgres_condition(words, city, state)


def _sqlite_condition(
    words: Sequence[str], city: str | None, state: str | None
) -> ColumnElement[bool]:
    terms = [f'"{word}"' for word in words]
    terms += [f"{{City}} : {_fts5_phrase(city)}"] if city else []
    terms += [f"{{StateOrProvince}} : {_fts5_phrase(state)}"] if state else []
    matching = _ON_SQLITE.bindparams(words=" AND ".join(terms))
    return Listing.Key.in_(matching.columns(Listing.Key))


def _postgres_condition(
    words: Sequence[str], city: str | None, state: str | None
) -> ColumnElement[bool]:
    places = [f"city:{city}"] if city else []
    places += [f"state:{state}"] if state else []
    query = _ON_POSTGRES.bindparams(
        words=" ".join(words), places=" & ".join(f"'{_tsquery_quoted(place)}'" for place in places)
    )
    return literal_column('listings."Words"').op("@@")(query)


def _fts5_phrase(place: str) -> str:
    """Return a place's name as an FTS5 phrase. A name without words matches nothing."""
    return '"' + " ".join(re.findall(r"\w+", place) or ["-"]) + '"'


def _tsquery_quoted(word: str) -> str:
    return word.replace("\\", "\\\\").replace("'", "''")


def search(
    conditions: Conditions, words: ColumnElement[bool], order: Order, offset: int, limit: int
) -> Matches:
    """Return the page of the listings that meet the conditions and contain the words."""
    if db.engine.dialect.name == "postgresql":
        candidates = _estimated_rows(select(Listing.Key).where(*conditions))
        if candidates > SCAN_ROWS:
            matching = _scan_in_order(conditions, words, order, offset, limit)
            if len(matching) > limit:
                share = (offset + len(matching)) / matching[-1].place
                total = float(f"{candidates * share:.1e}")
                return Matches([row.Key for row in matching], int(total), is_exact=False)
    total_column = func.count().over()
    keys = select(Listing.Key, total_column).where(*conditions, words).order_by(*order)
    rows = db.session.execute(keys.limit(limit + 1).offset(offset)).all()
    if rows or not offset:
        return Matches([row[0] for row in rows], rows[0][1] if rows else 0)
    counted = select(func.count()).select_from(Listing).where(*conditions, words)
    return Matches([], db.session.scalar(counted) or 0)


def _scan_in_order(
    conditions: Conditions, words: ColumnElement[bool], order: Order, offset: int, limit: int
) -> Sequence[Any]:
    """Return the page as far as it is among the first SCAN_ROWS listings in order.

    Each row has the key, and its place among all listings that meet the conditions.
    """
    columns = [getattr(column, "element", column) for column in order]
    first = (
        select(
            Listing.Key, *columns, words.label("has_words"), func.row_number().over().label("place")
        )
        .where(*conditions)
        .order_by(*order)
        .limit(SCAN_ROWS)
        .subquery()
    )
    # The rows are in order already, but SQL only promises an order that is asked for.
    same_order = [
        first.c[str(column.key)].desc() if ordered is not column else first.c[str(column.key)]
        for ordered, column in zip(order, columns, strict=True)
    ]
    matching = select(first.c.Key, first.c.place).where(first.c.has_words).order_by(*same_order)
    return db.session.execute(matching.limit(limit + 1).offset(offset)).all()


class _Explain(Executable, ClauseElement):
    """PostgreSQL's plan for a query, as JSON."""

    inherit_cache = False

    def __init__(self, query: Select[Any]) -> None:
        self.query = query


@compiles(_Explain, "postgresql")
def _compile_explain(explain: _Explain, compiler: Any, **_options: Any) -> str:
    return f"EXPLAIN (FORMAT JSON) {compiler.process(explain.query)}"


def _estimated_rows(query: Select[Any]) -> int:
    """Return how many rows the database expects, from its statistics.

    The estimate is good, except for words: words that often occur together are taken to be
    independent.
    """
    [plan] = db.session.execute(_Explain(query)).scalar_one()
    return int(plan["Plan"]["Plan Rows"])
