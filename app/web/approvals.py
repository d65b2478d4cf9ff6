"""Pages where a person approves, changes or declines a tool call, and the same as JSON."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.agent.events import media_type, to_json
from app.auth import security_log
from app.auth.place import place_of_request
from app.auth.sessions import current_user, require_user
from app.db.models import Approval, db
from app.errors import HomestreamError, InputError
from app.json_input import parse_json
from app.lifecycle import services
from app.tools.approvals import approval_event, approve, decline, load_approval
from app.tools.tool import Tool
from app.web.error_responses import render_error, wants_json

bp = Blueprint("approvals", __name__, url_prefix="/approvals")
bp.before_request(require_user)

_FIELD = "argument."


@bp.get("/<approval_id>")
def show(approval_id: str) -> ResponseReturnValue:
    """Show an approval, decided or not."""
    approval = load_approval(current_user().id, approval_id)
    return jsonify(_json(approval)) if wants_json() else _page(approval)


@bp.post("/<approval_id>")
def decide(approval_id: str) -> ResponseReturnValue:
    """Take the `decision`, which is approve or decline, with a `reason` or changed arguments."""
    approval = load_approval(current_user().id, approval_id)
    values = request.get_json(silent=True) if request.is_json else request.form
    if not hasattr(values, "get"):
        raise InputError("Send a JSON object with a decision.", field="decision")
    try:
        _decide(approval, values)
    except HomestreamError as error:
        if wants_json():
            raise
        db.session.rollback()
        return _refuse(approval, error)
    if wants_json():
        return jsonify(_json(approval))
    if request.headers.get("HX-Request"):
        return "", 204
    there, place = approval.run.conversation_id, f"c-{approval.call_id}"
    return redirect(url_for("conversations.watch", conversation_id=there, _anchor=place), 303)


def _refuse(approval: Approval, error: HomestreamError) -> ResponseReturnValue:
    """Say what is wrong where the person is, and keep what they typed."""
    if not request.headers.get("HX-Request"):
        return _page(approval, problem=error.message, typed=request.form), error.status
    if not isinstance(error, InputError):
        return render_error(error)
    fragment = render_template(
        "approvals/_approval.html",
        approval=approval_event(approval),
        inline=True,
        problem=error.message,
        typed=request.form,
    )
    return (
        fragment,
        error.status,
        {"HX-Retarget": f"#approval-{approval.id}", "HX-Reswap": "outerHTML"},
    )


def _decide(approval: Approval, values: Any) -> None:
    decision = values.get("decision")
    if decision == "approve":
        tool = services().registry.find(approval.tool)
        changed = _changed_arguments(approval, tool, values)
        approve(approval, values.get("digest"), changed, tool)
    elif decision == "decline":
        decline(approval, str(values.get("reason") or ""))
    else:
        raise InputError("The decision must be approve or decline.", field="decision")
    services().supervisor.wake()
    what = f"{approval.tool}: {decision}"
    security_log.note("approval_decided", current_user().id, place_of_request(), what)


def _changed_arguments(approval: Approval, tool: Tool | None, values: Any) -> dict[str, Any] | None:
    """Return the arguments as the person wants them, or None if they are to stay. Raises
    InputError."""
    if request.is_json:
        arguments = values.get("arguments")
        if arguments is not None and not isinstance(arguments, dict):
            raise InputError("The arguments must be a JSON object.", field="arguments")
        return arguments
    if not any(name.startswith(_FIELD) for name in values):
        return None
    fields = tool.fields if tool else {}
    changed: dict[str, Any] = {}
    for name in dict.fromkeys((*approval.arguments, *fields)):
        typed = values.get(f"{_FIELD}{name}", "").strip()
        if typed:
            changed[name] = _read_value(typed, fields.get(name, {}).get("type"), name)
    return changed


def _read_value(typed: str, json_type: str | None, name: str) -> Any:
    """Read what was typed into a field as a value of the schema's type. Raises InputError."""
    if json_type == "string":
        return typed
    if json_type == "array" and not typed.startswith("["):
        return [part.strip() for part in typed.split(",") if part.strip()]
    try:
        return parse_json(typed)
    except ValueError:
        raise InputError(f"{name} can't be read: {typed[:80]}", field=name) from None


def _page(approval: Approval, **values: Any) -> str:
    return render_template(
        "approvals/show.html",
        approval=approval_event(approval),
        status=approval.status,
        conversation_id=approval.run.conversation_id,
        **values,
    )


def _json(approval: Approval) -> dict[str, Any]:
    event = approval_event(approval)
    preview = [{"mimeType": media_type(part), "text": part.text} for part in event.preview]
    return to_json(event) | {
        "approvalId": approval.id,
        "status": approval.status,
        "changed": approval.decided,
        "preview": preview,
    }
