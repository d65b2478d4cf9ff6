"""Search a person's conversations by words in titles, messages and the names of their files.

Words are found by their beginning, in any order, without regard to case and accents; what stands in
quotation marks as it is. Messages of other branches are found too. Words are marked here, so that
they are marked alike on both databases.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, func, select

from app.conversations.files import files_of
from app.conversations.lists import ListedConversation, as_listed, live_statuses
from app.conversations.search_index import (
    NEWEST,
    IndexRow,
    Term,
    find_current,
    find_messages,
    find_titles,
)
from app.conversations.snippets import Piece, fold, mark, snippet
from app.db.models import Conversation, Message, db
from app.errors import InputError

PAGE_LENGTH = 20
LONGEST_QUERY = 200
_MOST_WORDS = 12
_MOST_TITLES = 5
_LONGEST_TEXT = 100_000
_QUOTED_OR_NOT = re.compile(r'"([^"]*)"|([^"]+)')
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class FoundMessage:
    """A message that has the words, and where: in its `snippet`, or in the names of its `files`.
    It is on another branch if it is not `is_current`."""

    id: str
    position: int
    is_current: bool
    snippet: Sequence[Piece]
    files: Sequence[Sequence[Piece]]


@dataclass(frozen=True)
class FoundConversation:
    """A conversation that has the words in its title, or else in a `message`."""

    conversation: ListedConversation
    title: Sequence[Piece]
    message: FoundMessage | None = None


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
    titles = [] if after else find_titles(user_id, terms, _MOST_TITLES)
    known = {row.conversation_id for row in titles}
    hits, older = find_messages(user_id, terms, begin, known, PAGE_LENGTH)
    return FoundPage(_load(user_id, terms, [*titles, *hits]), older)


def _prefer_current(
    user_id: str, terms: Sequence[Term], hits: Sequence[IndexRow]
) -> tuple[list[IndexRow], dict[str, Row[Any]]]:
    """Replace hits in other versions where the current one has the words too. Return the hits, and
    the messages by their ids."""
    messages = _messages(hits)
    others = {
        row.conversation_id
        for row in hits
        if row.message_id in messages and messages[row.message_id].superseded
    }
    if not others:
        return list(hits), messages
    current = find_current(user_id, terms, others)
    hits = [current.get(row.conversation_id, row) for row in hits]
    return hits, messages | _messages(list(current.values()))


def _load(user_id: str, terms: Sequence[Term], rows: Sequence[IndexRow]) -> list[FoundConversation]:
    """Load the title and a snippet for each row of the index, in the same order."""
    rows, messages = _prefer_current(user_id, terms, rows)
    ids = [row.conversation_id for row in rows]
    conversations = {
        each.id: each
        for each in db.session.scalars(
            select(Conversation).where(Conversation.id.in_(ids), Conversation.user_id == user_id)
        )
    }
    live = live_statuses(user_id)
    files = files_of(list(messages))
    words = [term.words for term in terms]
    found = []
    for row in rows:
        # Either may have been deleted since.
        conversation, message = conversations.get(row.conversation_id), None
        if row.message_id:
            message = messages.get(row.message_id)
        if conversation is None or (row.message_id and message is None):
            continue
        title = mark(conversation.title, words)
        hit = message and _hit(message, [file.name for file in files.get(message.id, ())], words)
        found.append(FoundConversation(as_listed(conversation, live), title, hit))
    return found


def _hit(message: Row[Any], names: Sequence[str], words: Sequence[Sequence[str]]) -> FoundMessage:
    marked = [mark(name, words) for name in names]
    return FoundMessage(
        message.id,
        message.position,
        not message.superseded,
        snippet(message.content, words),
        [pieces for pieces in marked if any(piece.is_match for piece in pieces)],
    )


def _messages(rows: Sequence[IndexRow]) -> dict[str, Row[Any]]:
    ids = [row.message_id for row in rows if row.message_id]
    beginning = func.substr(Message.content, 1, _LONGEST_TEXT).label("content")
    columns = (Message.id, Message.position, Message.superseded, beginning)
    query = select(*columns).where(Message.id.in_(ids))
    return {row.id: row for row in db.session.execute(query)} if ids else {}


def _read_cursor(after: str | None) -> int:
    if after is None:
        return NEWEST
    if not (after.isascii() and after.isdigit() and len(after) < 19):
        raise InputError("after must be where an earlier page ended.", field="after")
    return int(after)
