"""The output of one tool call by itself: a page that prints well, a CSV file, or JSON."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from app.agent.events import DisplayPart, display_parts_from_json, shown_parts
from app.auth.sessions import current_user, require_user
from app.conversations.ownership import load_tool_call
from app.errors import NotFound
from app.lifecycle import services
from app.rendering.displayed_messages import page_of

bp = Blueprint("tool_output", __name__, url_prefix="/calls")
bp.before_request(require_user)


@bp.get("/<call_id>")
def find(call_id: str) -> ResponseReturnValue:
    """Lead to the call's place in its conversation."""
    _, run = load_tool_call(current_user().id, call_id)
    before, place = page_of(run.answer), f"c-{call_id}"
    here = url_for(
        "conversations.show", conversation_id=run.conversation_id, before=before, _anchor=place
    )
    return redirect(here, 303)


@bp.get("/<call_id>/shown/<int:number>")
def show(call_id: str, number: int) -> ResponseReturnValue:
    """Return a display part of a call, counted from 0: a page, or a CSV file."""
    call, run = load_tool_call(current_user().id, call_id)
    parts = shown_parts(display_parts_from_json(call.display))
    if number >= len(parts):
        raise NotFound("There is nothing to see at this address.")
    if parts[number].kind == "csv":
        return _file(parts[number])
    tool = services().registry.find(call.name)
    return render_template(
        "tool_output/show.html",
        part=parts[number],
        call_id=call_id,
        tool=call.name,
        title=tool.title if tool else call.name,
        at=run.finished_at or run.created_at,
        conversation_id=run.conversation_id,
        tables=[at for at, part in enumerate(parts) if part.kind == "csv"],
    )


@bp.get("/<call_id>/result")
def result(call_id: str) -> ResponseReturnValue:
    """Return all that a tool call returned to the model, as JSON."""
    call, _ = load_tool_call(current_user().id, call_id)
    if call.result is None:
        raise NotFound("There is nothing to see at this address.")
    return jsonify(call.result)


def _file(part: DisplayPart) -> Response:
    response = Response(part.text, mimetype="text/csv")
    name = part.name or "table.csv"
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response
