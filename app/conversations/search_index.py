"""Find rows of the search index, with FTS5 on SQLite and tsvector on PostgreSQL.

The index is kept by triggers (migrations 0017 and 0025). A row is about a conversation's title or
about one of its messages; a later row has a larger id.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import String, TextClause, bindparam, text

from app.db.models import db

NEWEST = 2**62
"""More than the id of any row."""
_OWNER = "\ue000"
"""Begins the word of the index that says whose a text is. No word that is typed has it."""
_BATCH = 100
_MOST_BATCHES = 5
_WALK_ROWS = 2_000
"""How many of a person's newest rows PostgreSQL reads first. Their words cost 1 µs a row, the index
of words 100 ms for a word that is in all of 100,000 rows. Such a word fills a page before."""
_SAMPLE_ROWS = 500
_COMMON = 0.05
"""The share of rows from which on a beginning of words is common."""


class Term(NamedTuple):
    """Words that have to follow each other; a single one may go on if it `is_prefix`."""

    words: tuple[str, ...]
    is_prefix: bool


class IndexRow(NamedTuple):
    """A row of the index. `message_id` is None for a title."""

    id: int
    conversation_id: str
    message_id: str | None


def find_titles(user_id: str, terms: Sequence[Term], limit: int) -> list[IndexRow]:
    """Find the person's conversations with the terms in their titles, the latest first."""
    titles = _TITLES_ON_SQLITE if _on_sqlite() else _TITLES_ON_POSTGRES
    return _execute(titles, user_id, terms, before=NEWEST, known=[], limit=limit)


def find_messages(
    user_id: str, terms: Sequence[Term], before: int, known: Collection[str], limit: int
) -> tuple[list[IndexRow], str]:
    """Find the newest message with the terms of each conversation, except `known` ones, the newest
    first. Return at most `limit`, and where to go on: `before` of the next page, "" at the end."""
    find = _find_on_sqlite if _on_sqlite() else _find_on_postgres
    return find(user_id, terms, before, known, limit)


def find_current(
    user_id: str, terms: Sequence[Term], conversation_ids: Collection[str]
) -> dict[str, IndexRow]:
    """Find the newest message with the terms on the current branch of each of these conversations,
    by the conversation's id."""
    current = _CURRENT_ON_SQLITE if _on_sqlite() else _CURRENT_ON_POSTGRES
    rows = _execute(current, user_id, terms, conversations=list(conversation_ids))
    return {row.conversation_id: row for row in rows}


def _find_on_sqlite(
    user_id: str, terms: Sequence[Term], before: int, known: Collection[str], limit: int
) -> tuple[list[IndexRow], str]:
    """Read the index from its end, which FTS5 does as slowly as rows are asked for."""
    hits: dict[str, IndexRow] = {}
    for _ in range(_MOST_BATCHES):
        values = {"before": before, "known": [*known, *hits], "limit": _BATCH}
        rows = _execute(_ON_SQLITE, user_id, terms, **values)
        for row in rows:
            if len(hits) == limit and row.conversation_id not in hits:
                return list(hits.values()), str(row.id + 1)
            hits.setdefault(row.conversation_id, row)
            before = row.id
        if len(rows) < _BATCH:
            return list(hits.values()), ""
    return list(hits.values()), str(before)


def _find_on_postgres(
    user_id: str, terms: Sequence[Term], before: int, known: Collection[str], limit: int
) -> tuple[list[IndexRow], str]:
    """Read the person's newest rows, and then the index of words: first as far as is likely to fill
    the page."""
    values: dict[str, Any] = {"before": before, "known": [*known], "limit": limit + 1}
    hits = _execute(_WALK, user_id, terms, rows=_WALK_ROWS, **values)
    of_walk = {"user": user_id, "before": before, "rows": _WALK_ROWS}
    newest, last, count = db.session.execute(_END_OF_WALK, of_walk).one()
    if len(hits) > limit or count < _WALK_ROWS:
        return _page(hits, limit)
    values["index_words"] = _index_words(user_id, terms, before)
    while len(hits) <= limit and last:
        since = _likely_end(newest, last, len(hits), limit + 1)
        known_now = [*known, *(row.conversation_id for row in hits)]
        values |= {"before": last, "since": since, "known": known_now}
        hits += _execute(_BY_WORDS, user_id, terms, **values)
        last = since
    return _page(hits, limit)


def _page(hits: Sequence[IndexRow], limit: int) -> tuple[list[IndexRow], str]:
    return [*hits[:limit]], str(hits[limit].id + 1) if len(hits) > limit else ""


def _likely_end(newest: int, last: int, found: int, wanted: int) -> int:
    """Return the id to which to read below `last`, after so many were found from `newest` on; 0 if
    everything is to be read."""
    if not found:
        return 0
    end = last - (newest - last) * max(1, 2 * (wanted - found) // found)
    return end if end > last // 2 else 0


def _index_words(user_id: str, terms: Sequence[Term], before: int) -> str:
    """Return what to ask of the index: all terms but common beginnings of words, by a sample of the
    person's rows, and of a phrase its words alone.

    The index reads all words with a beginning, 20 ms for a common one. Rows are read in any case,
    and tell whether they have all terms.
    """
    each = [
        " & ".join(tsquery([Term((word,), term.is_prefix)]) for word in term.words)
        for term in terms
    ]
    if len(terms) == 1:
        return each[0]
    values = {"user": user_id, "before": before, "rows": _SAMPLE_ROWS, "terms": each}
    counts: dict[str, int] = dict(db.session.execute(_COUNT_TERMS, values).all())
    common = _COMMON * _SAMPLE_ROWS
    chosen = [
        query
        for term, query in zip(terms, each, strict=True)
        if not term.is_prefix or counts.get(query, 0) < common
    ]
    return " & ".join(chosen) or min(each, key=lambda query: counts.get(query, 0))


def _execute(
    statement: TextClause, user_id: str, terms: Sequence[Term], **values: object
) -> list[IndexRow]:
    words = fts5_query(terms, user_id) if _on_sqlite() else tsquery(terms)
    rows = db.session.execute(statement, {"words": words, "user": user_id} | values)
    return [IndexRow(*row) for row in rows]


def _on_sqlite() -> bool:
    return db.engine.dialect.name == "sqlite"


def fts5_query(terms: Sequence[Term], user_id: str) -> str:
    """Return the terms as FTS5 has them, with the owner as one more word."""
    each = [f'"{" ".join(term.words)}"' + (" *" if term.is_prefix else "") for term in terms]
    return " AND ".join([f'"{_OWNER}{user_id}"', *each])


def tsquery(terms: Sequence[Term]) -> str:
    """Return the terms as to_tsquery of PostgreSQL takes them."""
    return " & ".join(
        f"'{term.words[0]}':*"
        if term.is_prefix
        else "(" + " <-> ".join(f"'{word}'" for word in term.words) + ")"
        for term in terms
    )


def _statement(sql: str, *lists: str) -> TextClause:
    """Return the statement. Parameters with these names are lists of ids."""
    return text(sql).bindparams(
        *(bindparam(name, expanding=True, type_=String()) for name in lists)
    )


# The order of the tables is said on SQLite, which would begin with the conversations else. The word
# of the owner only saves work there: a message may have any word, also that of another person.
_IN_FTS5 = """
    SELECT s.id, s.conversation_id, s.message_id FROM {table} AS w
    CROSS JOIN search_texts AS s ON s.id = w.rowid
    CROSS JOIN conversations AS c ON c.id = s.conversation_id
    WHERE {table} MATCH :words AND w.rowid < :before
    AND s.user_id = :user AND c.shelf IN ('list', 'archive')
    AND s.conversation_id NOT IN :known
    ORDER BY w.rowid DESC LIMIT :limit
"""
_ON_SQLITE = _statement(_IN_FTS5.format(table="search_words"), "known")
_TITLES_ON_SQLITE = _statement(_IN_FTS5.format(table="search_titles"), "known")
# Titles have an index of their own, of which the condition is a part.
_TITLES_ON_POSTGRES = _statement(
    """
    SELECT s.id, s.conversation_id, s.message_id FROM search_texts AS s
    JOIN conversations AS c ON c.id = s.conversation_id
    WHERE s.user_id = :user AND s.words @@ to_tsquery('simple', :words) AND s.id < :before
    AND s.message_id IS NULL AND c.shelf IN ('list', 'archive')
    AND s.conversation_id NOT IN :known
    ORDER BY s.id DESC LIMIT :limit
    """,
    "known",
)
# With IS TRUE a condition is none for the index.
_NEWEST_OF_EACH = """
    SELECT s.id, s.conversation_id, s.message_id FROM (
        SELECT max(id) AS id FROM {rows} AS r
        WHERE (words @@ to_tsquery('simple', :words)) IS TRUE
        AND message_id IS NOT NULL AND {also}
        GROUP BY conversation_id
    ) AS newest JOIN search_texts AS s ON s.id = newest.id
    JOIN conversations AS c ON c.id = s.conversation_id
    WHERE c.shelf IN ('list', 'archive') AND s.conversation_id NOT IN :known
    ORDER BY s.id DESC LIMIT :limit
"""
_OF_USER = "user_id = :user AND id < :before"
_ROWS = f"FROM search_texts WHERE {_OF_USER} ORDER BY id DESC"
_WALK = _statement(
    _NEWEST_OF_EACH.format(rows=f"(SELECT * {_ROWS} LIMIT :rows)", also="TRUE"), "known"
)
_BY_WORDS = _statement(
    _NEWEST_OF_EACH.format(
        rows="search_texts",
        also=f"words @@ to_tsquery('simple', :index_words) AND {_OF_USER} AND id >= :since",
    ),
    "known",
)
_END_OF_WALK = text(
    "SELECT max(id), min(id), count(*)"  # noqa: S608 # nosec B608
    f" FROM (SELECT id {_ROWS} LIMIT :rows) AS r"
)
_COUNT_TERMS = text(
    f"WITH r AS (SELECT words {_ROWS} LIMIT :rows),"  # noqa: S608 # nosec B608
    " t AS (SELECT term, to_tsquery('simple', term) AS query"
    " FROM unnest(CAST(:terms AS text[])) AS term)"
    " SELECT term, count(*) FROM r JOIN t ON words @@ query GROUP BY term"
)
_CURRENT_ON_SQLITE = _statement(
    """
    SELECT max(s.id), s.conversation_id, s.message_id FROM search_texts AS s
    CROSS JOIN messages AS m ON m.id = s.message_id
    CROSS JOIN search_words AS w ON w.rowid = s.id
    WHERE s.conversation_id IN :conversations AND s.user_id = :user AND NOT m.superseded
    AND search_words MATCH :words
    GROUP BY s.conversation_id
    """,
    "conversations",
)
_CURRENT_ON_POSTGRES = _statement(
    """
    SELECT DISTINCT ON (s.conversation_id) s.id, s.conversation_id, s.message_id
    FROM search_texts AS s JOIN messages AS m ON m.id = s.message_id
    WHERE s.conversation_id IN :conversations AND s.user_id = :user AND NOT m.superseded
    AND s.words @@ to_tsquery('simple', :words)
    ORDER BY s.conversation_id, s.id DESC
    """,
    "conversations",
)
