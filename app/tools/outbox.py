"""The outbox: what was sent for a person, from every service that keeps one."""

from __future__ import annotations

from functools import partial
from typing import Any

from app.errors import ToolFailure
from app.tools.registry import ToolRegistry
from app.tools.server_requests import ask_in_time, ask_service

SCOPE = "outbox:read"
ERASE_SCOPE = "outbox:erase"


def read_outbox(registry: ToolRegistry, user_id: str) -> list[dict[str, Any]]:
    """The person's messages, newest first. Raises ToolFailure if a service doesn't answer."""
    messages: list[dict[str, Any]] = []
    for server in registry:
        if server.has_outbox:
            ask = partial(ask_service, registry, server, user_id, SCOPE, "GET", "/outbox")
            messages += ask_in_time(registry, server, ask).get("messages", [])
    return sorted(messages, key=lambda message: str(message["createdAt"]), reverse=True)


def erase_outbox(registry: ToolRegistry, user_id: str) -> None:
    """Delete what the services have of a person. Raises ToolFailure if one of ours is away, for
    then it isn't known whether it keeps an outbox."""
    for server in registry:
        if not server.ours:
            continue
        if not server.up:
            raise ToolFailure(f"{server.name} can't be reached now.")
        if server.has_outbox:
            ask = partial(ask_service, registry, server, user_id, ERASE_SCOPE, "DELETE", "/outbox")
            ask_in_time(registry, server, ask)
