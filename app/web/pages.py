"""Pages within the frame: the list of conversations, the servers' state, a draft."""

from __future__ import annotations

from flask import render_template, session

from app.auth.sessions import current_user
from app.conversations import list_conversations
from app.services import services


def render_page(template: str, **values: object) -> str:
    common = {
        "conversations": list_conversations(current_user().id),
        "services": tool_servers(),
        "draft": session.pop("draft", ""),
        "demo": services().settings.uses_demo_model,
    }
    return render_template(template, **(common | values))


def tool_servers() -> list[object]:
    return list(services().registry.servers.values())
