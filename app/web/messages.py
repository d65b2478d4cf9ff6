"""One message by itself: its text as Markdown, and its tables as CSV."""

from __future__ import annotations

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue

from app.auth.sessions import current_user, require_user
from app.conversations.ownership import load_message
from app.errors import NotFound
from app.rendering.markdown_tables import as_csv, read_tables
from app.rendering.suggestions import without_suggestions

bp = Blueprint("messages", __name__, url_prefix="/messages")
bp.before_request(require_user)


@bp.get("/<message_id>/markdown")
def markdown(message_id: str) -> ResponseReturnValue:
    """Return a message as the Markdown that it was written in."""
    return Response(f"{_text_of(message_id)}\n", mimetype="text/plain")


@bp.get("/<message_id>/tables/<int:number>")
def table(message_id: str, number: int) -> ResponseReturnValue:
    """Return a table of a message, counted from 1, as a CSV file."""
    tables = read_tables(_text_of(message_id))
    if not 0 < number <= len(tables):
        raise NotFound("The message has no such table.")
    response = Response(as_csv(tables[number - 1]), mimetype="text/csv")
    name = f"table-{number}.csv"
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response


def _text_of(message_id: str) -> str:
    """Load a message's text. Raises NotFound, also for an answer that has none yet."""
    text = without_suggestions(load_message(current_user().id, message_id).content).strip()
    if not text:
        raise NotFound("There is nothing to copy yet.")
    return text
