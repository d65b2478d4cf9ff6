"""Lists of a person's conversations: a page at a time, under headings of days.

A cursor says where a page ended: pinned or not, the time of the last message, and the id.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from itertools import groupby

from flask_babel import gettext
from sqlalchemy import select, tuple_

from app.conversations.days import day_in, period
from app.db.models import Conversation, Person, Run, db, utc_now
from app.errors import InputError

PAGE_LENGTH = 50
LISTED = ("list", "archive", "trash")
"""The shelves of which there are lists. Temporary conversations are in none."""
_CURSOR = re.compile(r"([01])-(\d{1,16})-([0-9a-f]{32})")
_EPOCH = datetime(1970, 1, 1)


@dataclass(frozen=True)
class ListedConversation:
    """A conversation in a list. `status` is that of its live run, "" without one."""

    id: str
    title: str
    pinned: bool
    model: str | None
    created_at: datetime
    updated_at: datetime
    delete_at: datetime | None
    shelf: str
    status: str


@dataclass(frozen=True)
class ConversationGroup:
    """Successive conversations under one heading. `goes_on`: the page before ended with it."""

    heading: str
    conversations: Sequence[ListedConversation]
    goes_on: bool = False


@dataclass(frozen=True)
class ConversationPage:
    """Some of a person's conversations of one shelf. `older` is the cursor of the next page, "" if
    this is the last."""

    shelf: str
    groups: Sequence[ConversationGroup]
    older: str

    @property
    def conversations(self) -> list[ListedConversation]:
        return [each for group in self.groups for each in group.conversations]


def list_conversations(
    person: Person, zone: tzinfo, shelf: str = "list", after: str | None = None
) -> ConversationPage:
    """List a page of the person's conversations: pinned ones first, then the latest, under headings
    of the days of a time zone.

    Raises InputError for a shelf or a cursor that there is none of.
    """
    if shelf not in LISTED:
        raise InputError(f"shelf must be one of {', '.join(LISTED)}.", field="shelf")
    order = (Conversation.pinned, Conversation.updated_at, Conversation.id)
    query = select(Conversation).where(
        Conversation.user_id == person.id, Conversation.shelf == shelf
    )
    begin = _read_cursor(after)
    if begin is not None:
        query = query.where(tuple_(*order) < begin)
    query = query.order_by(*(column.desc() for column in order)).limit(PAGE_LENGTH + 1)
    found = db.session.scalars(query).all()
    shown = found[:PAGE_LENGTH]
    older = _cursor(shown[-1]) if len(found) > PAGE_LENGTH else ""
    return ConversationPage(shelf, _groups(person, zone, shown, begin), older)


def _groups(
    person: Person,
    zone: tzinfo,
    conversations: Sequence[Conversation],
    begin: tuple[bool, datetime, str] | None,
) -> list[ConversationGroup]:
    live = live_statuses(person.id)
    today = day_in(zone, utc_now())

    def heading(pinned: bool, at: datetime) -> str:
        return str(gettext("Pinned")) if pinned else period(day_in(zone, at), today)

    groups = [
        ConversationGroup(name, [as_listed(each, live) for each in same])
        for name, same in groupby(conversations, lambda each: heading(each.pinned, each.updated_at))
    ]
    if begin is not None and groups and groups[0].heading == heading(*begin[:2]):
        groups[0] = replace(groups[0], goes_on=True)
    return groups


def as_listed(conversation: Conversation, live: dict[str, str]) -> ListedConversation:
    """Return the conversation as lists have it; `live` has the statuses of live runs."""
    names = ("id", "title", "pinned", "model", "created_at", "updated_at", "delete_at", "shelf")
    values = {name: getattr(conversation, name) for name in names}
    return ListedConversation(**values, status=live.get(conversation.id, ""))


def live_statuses(user_id: str) -> dict[str, str]:
    """Load the statuses of the person's live runs, by conversation."""
    query = select(Run.conversation_id, Run.status).where(Run.user_id == user_id, Run.live)
    return {row.conversation_id: row.status for row in db.session.execute(query)}


def _cursor(last: Conversation) -> str:
    microseconds = (last.updated_at - _EPOCH) // _EPOCH.resolution
    return f"{last.pinned:d}-{microseconds}-{last.id}"


def _read_cursor(text: str | None) -> tuple[bool, datetime, str] | None:
    if text is None:
        return None
    found = _CURSOR.fullmatch(text)
    if found is None:
        raise InputError("after must be where an earlier page ended.", field="after")
    at = datetime.fromtimestamp(int(found[2]) // 1_000_000, UTC).replace(tzinfo=None)
    return found[1] == "1", at.replace(microsecond=int(found[2]) % 1_000_000), found[3]
