"""Pages within the frame, which has the list of conversations and the state of the services."""

from __future__ import annotations

from flask import current_app, render_template

from app.auth.sessions import current_user
from app.auth.stream_passes import Reader
from app.conversations import list_conversations
from app.rendering.html import AnswerHtml
from app.services import services
from app.web.drafts import take_draft


def render_page(template: str, **values: object) -> str:
    """Render a page within the frame, for the signed-in person."""
    person = current_user()
    common = {
        "person": person,
        "conversations": list_conversations(person.id),
        "servers": tool_servers(),
        "draft": take_draft(person.id),
        "demo": services().settings.uses_demo_model,
    }
    return render_template(template, **(common | values))


def tool_servers() -> list[object]:
    return list(services().registry.servers.values())


def html_for(reader: Reader) -> AnswerHtml:
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    return AnswerHtml(app, reader.csrf_token, reader.is_admin)
