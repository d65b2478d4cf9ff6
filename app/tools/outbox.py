"""The outbox: what was sent for a person, from every service that keeps one."""

from __future__ import annotations

from functools import partial
from typing import Any

from app.tools.registry import ToolRegistry
from app.tools.server_requests import ask_in_time, ask_service

SCOPE = "outbox:read"


def read_outbox(registry: ToolRegistry, user_id: str) -> list[dict[str, Any]]:
    """The person's messages, newest first. Raises ToolFailure if a service doesn't answer."""
    messages: list[dict[str, Any]] = []
    for server in registry:
        if server.has_outbox:
            ask = partial(ask_service, registry, server, user_id, SCOPE, "GET", "/outbox")
            messages += ask_in_time(registry, server, ask).get("messages", [])
    return sorted(messages, key=lambda message: str(message["createdAt"]), reverse=True)
