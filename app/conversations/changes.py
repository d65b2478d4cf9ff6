"""What a person does with a conversation: rename, pin, archive, delete, restore."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, select

from app.conversations.ownership import live_run, load_conversation, load_even_deleted
from app.conversations.titles import check_title
from app.db.changes import count_changed
from app.db.models import Conversation, db, utc_now
from app.errors import InputError

KEPT_IN_TRASH = timedelta(days=30)
TEMPORARY_FOR = timedelta(hours=24)
_SWITCH = {True: True, False: False, "true": True, "false": False}
_GOALS = ("list", "archive", "trash")
_MOST_AT_ONCE = 500


@dataclass(frozen=True)
class Change:
    """A person's wish for a conversation. What is None stays as it is."""

    title: str | None = None
    pinned: bool | None = None
    shelf: str | None = None

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Change:
        """Read a form or a JSON object. Raises InputError."""
        title, pinned, shelf = (values.get(name) for name in ("title", "pinned", "shelf"))
        if title is None and pinned is None and shelf is None:
            raise InputError("Send a title, pinned or a shelf.", field="title")
        if pinned is not None and not (isinstance(pinned, bool | str) and pinned in _SWITCH):
            raise InputError("pinned must be true or false.", field="pinned")
        if shelf is not None and shelf not in _GOALS:
            raise InputError(f"shelf must be one of {', '.join(_GOALS)}.", field="shelf")
        return cls(
            None if title is None else check_title(title),
            None if pinned is None else _SWITCH[pinned],
            shelf,
        )


def apply_change(user_id: str, conversation_id: str, change: Change) -> Conversation:
    """Change a conversation of the person's, and commit. Raises NotFound.

    What is in the trash can only be moved.
    """
    load = load_conversation if change.shelf is None else load_even_deleted
    conversation = load(user_id, conversation_id)
    if change.title is not None:
        conversation.title, conversation.titled_by = change.title, "person"
    if change.pinned is not None:
        conversation.pinned = change.pinned
    if change.shelf is not None and change.shelf != conversation.shelf:
        # A temporary one goes when it would have gone anyway.
        at = (conversation.delete_at, utc_now() + KEPT_IN_TRASH)
        in_trash = change.shelf == "trash"
        conversation.delete_at = min(filter(None, at)) if in_trash else None
        conversation.shelf = change.shelf
    db.session.commit()
    return conversation


def run_to_stop(conversation: Conversation) -> str | None:
    """Return the id of the live run that must not go on, since the conversation was deleted.

    A question that was being asked meanwhile is among the runs by now, or refused: both change the
    conversation's row.
    """
    run = live_run(conversation) if conversation.shelf == "trash" else None
    return run.id if run else None


def delete_for_good(user_id: str, conversation_id: str) -> None:
    """Delete a conversation of the person's with all that it has, and commit."""
    mine = (Conversation.id == conversation_id, Conversation.user_id == user_id)
    count_changed(delete(Conversation).where(*mine))
    db.session.commit()


def delete_due_conversations() -> None:
    """Delete for good what has been in the trash long enough, and old temporary conversations.

    Each in a transaction of its own, so that nobody waits long for the rows. A live run of one
    loses its lease by that, and its readers are told.
    """
    due = select(Conversation.id).where(Conversation.delete_at <= utc_now()).limit(_MOST_AT_ONCE)
    for conversation_id in db.session.scalars(due).all():
        still_due = (Conversation.id == conversation_id, Conversation.delete_at <= utc_now())
        count_changed(delete(Conversation).where(*still_due))
        db.session.commit()
