"""A conversation as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from app.conversations.lists import ConversationPage, ListedConversation
from app.conversations.search import FoundPage

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
        conversation_as_json(each.conversation)
        | {
            "position": each.position,
            "snippet": [{"text": text, "match": match} for text, match in each.snippet],
        }
        for each in page.found
    ]


def iso(time: datetime) -> str:
    """Return a stored time as JSON has it, to the millisecond."""
    return f"{time.isoformat(timespec='milliseconds')}Z"
