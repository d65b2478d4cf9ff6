"""A conversation as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from app.conversations.lists import ConversationPage, ListedConversation
from app.conversations.search import FoundMessage, FoundPage
from app.conversations.snippets import Piece

_STATUSES = {"": None, "waiting": "waiting"}


def page_as_json(page: ConversationPage) -> list[dict[str, Any]]:
    return [conversation_as_json(each) for each in page.conversations]


def conversation_as_json(conversation: ListedConversation) -> dict[str, Any]:
    return {
        "id": conversation.id,
        "title": conversation.title,
        "shelf": conversation.shelf,
        "pinned": conversation.pinned,
        "model": conversation.model,
        "status": _STATUSES.get(conversation.status, "answering"),
        "createdAt": iso(conversation.created_at),
        "updatedAt": iso(conversation.updated_at),
        "deleteAt": conversation.delete_at and iso(conversation.delete_at),
    }


def found_as_json(page: FoundPage) -> list[dict[str, Any]]:
    return [
        conversation_as_json(each.conversation) | _hit_as_json(each.message) for each in page.found
    ]


def _hit_as_json(message: FoundMessage | None) -> dict[str, Any]:
    """Return where the words are. They are in the title if there is no message."""
    return {
        "messageId": message and message.id,
        "position": message and message.position,
        "current": message is None or message.is_current,
        "snippet": _pieces_as_json(message.snippet) if message else [],
        "files": [_pieces_as_json(name) for name in message.files] if message else [],
    }


def _pieces_as_json(pieces: Sequence[Piece]) -> list[dict[str, Any]]:
    return [{"text": text, "match": match} for text, match in pieces]


def iso(time: datetime) -> str:
    """Return a stored time as JSON has it, to the millisecond."""
    return f"{time.isoformat(timespec='milliseconds')}Z"
