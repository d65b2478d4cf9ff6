"""The branches of a conversation: other answers to a question, and what an edited question led to.

One branch is the current one. Its messages are those that are not superseded, one at each position;
everything else in the app sees only these. Which message another one follows is written down when
a conversation branches, for the messages after that place: until then it follows from the
positions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import aliased

from app.db.changes import count_changed
from app.db.models import Message, db, utc_now

_AT_ONCE = 500
_COLUMNS = (
    Message.id,
    Message.position,
    Message.parent_id,
    Message.superseded,
    Message.superseded_at,
    Message.created_at,
)


@dataclass(frozen=True)
class Versions:
    """The versions of a message, oldest first, by id. `number` is that of the current one, from
    1."""

    ids: Sequence[str]
    number: int

    @property
    def before(self) -> str | None:
        return self.ids[self.number - 2] if self.number > 1 else None

    @property
    def after(self) -> str | None:
        return self.ids[self.number] if self.number < len(self.ids) else None


def begin_branch(conversation_id: str, position: int) -> None:
    """Make room for other messages from this position on. Those that are there stay as a branch."""
    _link_after(conversation_id, position)
    _leave(conversation_id, position)


def choose(message: Message) -> None:
    """Make the branch of this message the current one, with what followed it last."""
    if not message.superseded:
        return
    _link_after(message.conversation_id, 1)
    query = select(*_COLUMNS).where(Message.conversation_id == message.conversation_id)
    rows: dict[str, Any] = {row.id: row for row in db.session.execute(query)}
    path = [*_ancestors(rows, message.id), *_followers(rows, message.id)]
    entering = [id for id in path if rows[id].superseded]
    _leave(message.conversation_id, min(rows[id].position for id in entering))
    for start in range(0, len(entering), _AT_ONCE):
        some = Message.id.in_(entering[start : start + _AT_ONCE])
        count_changed(update(Message).where(some).values(superseded=False, superseded_at=None))


def load_versions(conversation_id: str, since: int, until: int) -> dict[str, Versions]:
    """Load the versions of the current messages from one position to before another, by their ids;
    those that have more than one."""
    query = select(*_COLUMNS).where(
        Message.conversation_id == conversation_id,
        Message.position >= since - 1,
        Message.position < until,
    )
    rows = db.session.execute(query.order_by(Message.position, Message.created_at, Message.id))
    found: dict[str, Versions] = {}
    before = None
    for position, same in groupby(rows, lambda row: row.position):
        there = list(same)
        current = next((row for row in there if not row.superseded), None)
        if current is None:
            break
        parent = current.parent_id or before
        ids = [row.id for row in there if (row.parent_id or before) == parent]
        if len(ids) > 1 and position >= since:
            found[current.id] = Versions(ids, ids.index(current.id) + 1)
        before = current.id
    return found


def versions_of(message: Message) -> Versions | None:
    """Load the versions of a current message; None if it is the only one."""
    at = message.position
    return load_versions(message.conversation_id, at, at + 1).get(message.id)


def _link_after(conversation_id: str, position: int) -> None:
    """Write down which message those after this position follow: so far the current branch's."""
    before = aliased(Message)
    parent = select(before.id).where(
        before.conversation_id == conversation_id,
        before.position == Message.position - 1,
        before.superseded.is_(False),
    )
    unlinked = update(Message).where(
        Message.conversation_id == conversation_id,
        Message.position > position,
        Message.parent_id.is_(None),
    )
    count_changed(unlinked.values(parent_id=parent.scalar_subquery()))


def _leave(conversation_id: str, position: int) -> None:
    """Let the current branch end before this position."""
    rest = update(Message).where(
        Message.conversation_id == conversation_id,
        Message.position >= position,
        Message.superseded.is_(False),
    )
    count_changed(rest.values(superseded=True, superseded_at=utc_now()))


def _ancestors(rows: dict[str, Any], id: str) -> list[str]:
    """Return the message and those before it on its branch, the last one first."""
    path = []
    at: str | None = id
    while at in rows:
        path.append(at)
        at = rows[at].parent_id
    return path


def _followers(rows: dict[str, Any], id: str) -> Iterable[str]:
    """Yield the messages that followed this one when it was last on the current branch."""
    children: dict[str | None, list[Any]] = {}
    for row in rows.values():
        children.setdefault(row.parent_id, []).append(row)
    at = id
    while at in children:
        at = max(children[at], key=lambda row: row.superseded_at or row.created_at).id
        yield at
