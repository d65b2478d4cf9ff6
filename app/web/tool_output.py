"""What a tool showed, by itself: as a page that prints well, or as a file."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, Response, jsonify, render_template
from flask.typing import ResponseReturnValue

from app.agent.events import DisplayPart, display_parts_from_json
from app.auth.sessions import current_user, require_user
from app.conversations import load_tool_call
from app.db.models import Run, ToolCall
from app.errors import NotFound
from app.services import services

bp = Blueprint("shown", __name__, url_prefix="/calls")
bp.before_request(require_user)


@dataclass(frozen=True)
class Sheet:
    """One thing that was shown, the call that showed it, and all that it showed."""

    call: ToolCall
    run: Run
    shown: DisplayPart
    every: tuple[DisplayPart, ...]


@bp.get("/<call_id>/shown/<int:number>")
def show(call_id: str, number: int) -> ResponseReturnValue:
    """`number` counts from 0."""
    found = _own_sheet(current_user().id, call_id, number)
    if found.shown.kind == "csv":
        return _file(found.shown)
    tool = services().registry.find(found.call.name)
    return render_template(
        "tool_output/show.html",
        one=found.shown,
        call_id=call_id,
        tool=found.call.name,
        title=tool.title if tool else found.call.name,
        at=found.run.finished_at or found.run.created_at,
        conversation_id=found.run.conversation_id,
        tables=[at for at, one in enumerate(found.every) if one.kind == "csv"],
    )


@bp.get("/<call_id>/result")
def result(call_id: str) -> ResponseReturnValue:
    """Return all that a tool call returned to the model, as JSON."""
    call, _ = load_tool_call(current_user().id, call_id)
    if call.result is None:
        raise NotFound("There is nothing to see at this address.")
    return jsonify(call.result)


def _own_sheet(user_id: str, call_id: str, number: int) -> Sheet:
    """Raises NotFound when there is none, or it is another person's."""
    call, run = load_tool_call(user_id, call_id)
    every = display_parts_from_json(call.display)
    if number >= len(every):
        raise NotFound("There is nothing to see at this address.")
    return Sheet(call, run, every[number], every)


def _file(shown: DisplayPart) -> Response:
    response = Response(shown.text, mimetype="text/csv")
    name = shown.name or "table.csv"
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response
