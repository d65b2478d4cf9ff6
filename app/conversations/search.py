"""Search a person's conversations by words, with FTS5 on SQLite and tsvector on PostgreSQL.

Words are found by their beginning, in any order, without regard to case and accents; what stands in
quotation marks as it is. The index is kept by triggers (migration 0017).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Row, String, TextClause, bindparam, func, select, text

from app.conversations.lists import ListedConversation, as_listed, live_statuses
from app.conversations.snippets import Piece, fold, mark, snippet
from app.db.models import Conversation, Message, db
from app.errors import InputError

PAGE_LENGTH = 20
LONGEST_QUERY = 200
_MOST_WORDS = 12
_MOST_TITLES = 5
_BATCH = 100
_MOST_BATCHES = 5
_LONGEST_TEXT = 100_000
_LAST = 2**62
_OWNER = "\ue000"
"""Begins the word of the index that says whose a text is. No word that is typed has it."""
_QUOTED_OR_NOT = re.compile(r'"([^"]*)"|([^"]+)')
_WORD = re.compile(r"[^\W_]+")


class Term(NamedTuple):
    """Words that have to follow each other; a single one may go on if it `is_prefix`."""

    words: tuple[str, ...]
    is_prefix: bool


@dataclass(frozen=True)
class FoundConversation:
    """A conversation that has the words in its title, or else in the message at `position`."""

    conversation: ListedConversation
    title: Sequence[Piece]
    position: int | None = None
    snippet: Sequence[Piece] = ()


@dataclass(frozen=True)
class FoundPage:
    """Conversations that were found, those with the latest messages first. `older` is the cursor of
    the next page, "" if this is the last."""

    found: Sequence[FoundConversation]
    older: str = ""


def parse_query(typed: str) -> list[Term]:
    """Return what to search for, whatever was typed."""
    terms: list[Term] = []
    for quoted, plain in _QUOTED_OR_NOT.findall(typed[:LONGEST_QUERY]):
        if words := tuple(_WORD.findall(fold(quoted))):
            terms.append(Term(words[:_MOST_WORDS], False))
        # A single letter stands for itself: too many words begin with it.
        terms += [Term((word,), len(word) > 1) for word in _WORD.findall(fold(plain))]
    return terms[:_MOST_WORDS]


def search(user_id: str, typed: str, after: str | None = None) -> FoundPage:
    """Find the person's conversations, also archived ones. Raises InputError for a bad cursor."""
    begin = _read_cursor(after)
    terms = parse_query(typed)
    if not terms:
        return FoundPage([])
    titles = [] if after else _find(user_id, terms, True, _LAST, (), _MOST_TITLES)
    hits, older = _newest_of_each(user_id, terms, begin, {row.conversation_id for row in titles})
    return FoundPage(_load(user_id, terms, [*titles, *hits]), older)


def _newest_of_each(
    user_id: str, terms: Sequence[Term], begin: int, known: set[str]
) -> tuple[list[Row[Any]], str]:
    """Return the newest message with the words of each of some conversations, and the cursor."""
    hits: dict[str, Row[Any]] = {}
    for _ in range(_MOST_BATCHES):
        rows = _find(user_id, terms, False, begin, [*known, *hits], _BATCH)
        for row in rows:
            if len(hits) == PAGE_LENGTH and row.conversation_id not in hits:
                return list(hits.values()), str(row.id + 1)
            hits.setdefault(row.conversation_id, row)
            begin = row.id
        if len(rows) < _BATCH:
            return list(hits.values()), ""
    return list(hits.values()), str(begin)


def _find(
    user_id: str,
    terms: Sequence[Term],
    titles: bool,
    before: int,
    known: Iterable[str],
    limit: int,
) -> Sequence[Row[Any]]:
    on_sqlite = db.engine.dialect.name == "sqlite"
    words = fts5_query(terms, user_id) if on_sqlite else tsquery(terms)
    values = {
        "words": words,
        "user": user_id,
        "before": before,
        "known": list(known),
        "limit": limit,
    }
    of_messages, of_titles = _ON_SQLITE_BOTH if on_sqlite else _ON_POSTGRES_BOTH
    statement = of_titles if titles else of_messages
    return db.session.execute(statement, values).all()


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


def _statement(sql: str) -> TextClause:
    return text(sql).bindparams(bindparam("known", expanding=True, type_=String()))


# The order of the tables is said on SQLite, which would begin with the conversations else. The word
# of the owner only saves work there: a message may have any word, also that of another person.
_IN_FTS5 = """
    SELECT s.id, s.conversation_id, s.message_id FROM {table} AS w
    CROSS JOIN search_texts AS s ON s.id = w.rowid
    CROSS JOIN conversations AS c ON c.id = s.conversation_id
    WHERE {table} MATCH :words AND w.rowid < :before
    AND s.user_id = :user AND c.shelf IN ('list', 'archive')
    AND s.conversation_id NOT IN :known
    AND NOT coalesce((SELECT superseded FROM messages WHERE id = s.message_id), FALSE)
    ORDER BY w.rowid DESC LIMIT :limit
"""
_ON_SQLITE = _statement(_IN_FTS5.format(table="search_words"))
_TITLES_ON_SQLITE = _statement(_IN_FTS5.format(table="search_titles"))
# Titles have an index of their own, of which the condition is a part. The last condition is one
# value for each row: PostgreSQL would read all messages for an anti-join.
_IN_TSVECTOR = """
    SELECT s.id, s.conversation_id, s.message_id FROM search_texts AS s
    JOIN conversations AS c ON c.id = s.conversation_id
    WHERE s.user_id = :user AND s.words @@ to_tsquery('simple', :words) AND s.id < :before
    AND s.message_id IS {titles} AND c.shelf IN ('list', 'archive')
    AND s.conversation_id NOT IN :known
    AND NOT coalesce((SELECT superseded FROM messages WHERE id = s.message_id), FALSE)
    ORDER BY s.id DESC LIMIT :limit
"""
_ON_POSTGRES = _statement(_IN_TSVECTOR.format(titles="NOT NULL"))
_ON_SQLITE_BOTH = (_ON_SQLITE, _TITLES_ON_SQLITE)
_ON_POSTGRES_BOTH = (_ON_POSTGRES, _statement(_IN_TSVECTOR.format(titles="NULL")))


def _load(user_id: str, terms: Sequence[Term], rows: Sequence[Row[Any]]) -> list[FoundConversation]:
    """Load the title and a snippet for each row of the search, in the same order."""
    ids = [row.conversation_id for row in rows]
    conversations = {
        each.id: each
        for each in db.session.scalars(
            select(Conversation).where(Conversation.id.in_(ids), Conversation.user_id == user_id)
        )
    }
    texts = {row.id: row for row in _messages([row.message_id for row in rows if row.message_id])}
    live = live_statuses(user_id)
    words = [term.words for term in terms]
    found = []
    for row in rows:
        # Either may have been deleted since.
        conversation, message = conversations.get(row.conversation_id), texts.get(row.message_id)
        if conversation is None or (row.message_id and message is None):
            continue
        listed, title = as_listed(conversation, live), mark(conversation.title, words)
        found.append(
            FoundConversation(listed, title, message.position, snippet(message.content, words))
            if message
            else FoundConversation(listed, title)
        )
    return found


def _messages(ids: Sequence[str]) -> Sequence[Row[Any]]:
    beginning = func.substr(Message.content, 1, _LONGEST_TEXT).label("content")
    query = select(Message.id, Message.position, beginning).where(Message.id.in_(ids))
    return db.session.execute(query).all() if ids else []


def _read_cursor(after: str | None) -> int:
    if after is None:
        return _LAST
    if not (after.isascii() and after.isdigit() and len(after) < 19):
        raise InputError("after must be where an earlier page ended.", field="after")
    return int(after)
