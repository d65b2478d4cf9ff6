"""Searching listings for words, with what each database has for it."""

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

# PostgreSQL leaves such words out by itself; here for both, so that both find the same.
_SMALL_WORDS = frozenset(
    """
    a an and are as at by for from in is it not of on or the to with
    """.split()  # noqa: SIM905 - a line of words reads better
)
# Words that many listings have are soon met by going through these in order. When so many have
# been gone through, few have the words, and it is quicker to find all that do.
FARTHEST = 6_000
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


Conditions = Sequence[ColumnElement[bool]]
Order = tuple[UnaryExpression[Any] | InstrumentedAttribute[Any], ...]


@dataclass(frozen=True)
class Found:
    """The keys of a page and one more where there is one, and how many listings match in all."""

    keys: Sequence[int]
    total: int
    exact: bool = True


def found_with_words(
    conditions: Conditions, words: ColumnElement[bool], order: Order, offset: int, limit: int
) -> Found:
    """The page of those that meet the conditions and have the words."""
    if db.engine.dialect.name == "postgresql":
        among = _estimated(select(Listing.Key).where(*conditions))
        met = _met_in_order(conditions, words, order, offset, limit) if among > FARTHEST else []
        if len(met) > limit:
            share = (offset + len(met)) / met[-1].place
            about = float(f"{among * share:.1e}")
            return Found([row.Key for row in met], int(about), exact=False)
    every = func.count().over()
    keys_of_all = select(Listing.Key, every).where(*conditions, words).order_by(*order)
    rows = db.session.execute(keys_of_all.limit(limit + 1).offset(offset)).all()
    if rows or not offset:
        return Found([row[0] for row in rows], rows[0][1] if rows else 0)
    counted = select(func.count()).select_from(Listing).where(*conditions, words)
    return Found([], db.session.scalar(counted) or 0)


def _met_in_order(
    conditions: Conditions, words: ColumnElement[bool], order: Order, offset: int, limit: int
) -> Sequence[Any]:
    """The page as far as it is among the first listings in order: each one's key, and its place
    among all that meet the conditions, with or without the words."""
    columns = [getattr(one, "element", one) for one in order]
    first = (
        select(
            Listing.Key, *columns, words.label("has_words"), func.row_number().over().label("place")
        )
        .where(*conditions)
        .order_by(*order)
        .limit(FARTHEST)
        .subquery()
    )
    # The rows come in order anyway, which the database knows; without this it might forget it.
    same = [
        first.c[str(column.key)].desc() if one is not column else first.c[str(column.key)]
        for one, column in zip(order, columns, strict=True)
    ]
    met = select(first.c.Key, first.c.place).where(first.c.has_words).order_by(*same)
    return db.session.execute(met.limit(limit + 1).offset(offset)).all()


class _Plan(Executable, ClauseElement):
    inherit_cache = False

    def __init__(self, query: Select[Any]) -> None:
        self.query = query


@compiles(_Plan, "postgresql")
def _compile_plan(plan: _Plan, compiler: Any, **options: Any) -> str:
    return f"EXPLAIN (FORMAT JSON) {compiler.process(plan.query, **options)}"


def _estimated(query: Select[Any]) -> int:
    """How many rows the database expects, from its statistics. It is good at that but for words:
    it thinks that those which often come together don't."""
    [plan] = db.session.execute(_Plan(query)).scalar_one()
    return int(plan["Plan"]["Plan Rows"])
