"""Where a person approves, changes or declines: a page of its own, and the same as JSON."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Flask, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.agent.events import (
    ApprovalRequested,
    display_parts_from_json,
    media_type,
    to_json,
)
from app.auth.sessions import current_user, require_user
from app.db.models import Approval, db
from app.errors import HomestreamError, InputError
from app.json_input import parse_json
from app.services import services
from app.tools.approvals import approval_event, approve, arguments_digest, decline, load_approval
from app.tools.tool import Tool
from app.web.errors import render_error, wants_json

bp = Blueprint("approvals", __name__, url_prefix="/approvals")
bp.before_request(require_user)

_FIELD = "argument."


@bp.get("/<approval_id>")
def show(approval_id: str) -> ResponseReturnValue:
    found = load_approval(current_user().id, approval_id)
    return jsonify(_json(found)) if wants_json() else _page(found)


@bp.post("/<approval_id>")
def decide(approval_id: str) -> ResponseReturnValue:
    """`decision` is approve or decline; beside it `reason`, or the arguments as changed."""
    found = load_approval(current_user().id, approval_id)
    given = request.get_json(silent=True) if request.is_json else request.form
    if not hasattr(given, "get"):
        raise InputError("Send a JSON object with a decision.", field="decision")
    try:
        _decide(found, given)
    except HomestreamError as error:
        if wants_json():
            raise
        db.session.rollback()
        return _refuse(found, error)
    if wants_json():
        return jsonify(_json(found))
    if request.headers.get("HX-Request"):
        return "", 204
    return redirect(url_for("conversations.watch", conversation_id=found.run.conversation_id), 303)


def _refuse(found: Approval, error: HomestreamError) -> ResponseReturnValue:
    """Say what is wrong where the person is, and keep what they typed."""
    if not request.headers.get("HX-Request"):
        return _page(found, problem=error.message, typed=request.form), error.status
    if not isinstance(error, InputError):
        return render_error(error)
    fragment = render_template(
        "approvals/_approval.html",
        **context(found, services().registry.find(found.tool)),
        inline=True,
        problem=error.message,
        typed=request.form,
    )
    return fragment, error.status, {"HX-Retarget": f"#w-{found.id}", "HX-Reswap": "outerHTML"}


def _decide(found: Approval, given: Any) -> None:
    decision = given.get("decision")
    if decision == "approve":
        tool = services().registry.find(found.tool)
        approve(found, given.get("shown"), _changed(found, tool, given), tool)
    elif decision == "decline":
        decline(found, str(given.get("reason") or ""))
    else:
        raise InputError("The decision must be approve or decline.", field="decision")
    services().supervisor.wake()


def _changed(found: Approval, tool: Tool | None, given: Any) -> dict[str, Any] | None:
    """The arguments as the person wants them; None where they are to stay."""
    if request.is_json:
        arguments = given.get("arguments")
        if arguments is not None and not isinstance(arguments, dict):
            raise InputError("The arguments must be a JSON object.", field="arguments")
        return arguments
    if not any(name.startswith(_FIELD) for name in given):
        return None
    changed: dict[str, Any] = {}
    for name in dict.fromkeys((*found.arguments, *(tool.fields if tool else ()))):
        text = given.get(f"{_FIELD}{name}", "").strip()
        if text:
            kind = tool.fields.get(name, {}).get("type") if tool else None
            changed[name] = _value(text, kind, name)
    return changed


def _value(text: str, kind: str | None, name: str) -> Any:
    """What was typed into a field, as the tool's schema wants it."""
    if kind == "string":
        return text
    if kind == "array" and not text.startswith("["):
        return [part.strip() for part in text.split(",") if part.strip()]
    try:
        return parse_json(text)
    except ValueError:
        raise InputError(f"{name} can't be read: {text[:80]}", field=name) from None


def _page(found: Approval, **values: Any) -> str:
    tool = services().registry.find(found.tool)
    return render_template("approvals/show.html", **context(found, tool), **values)


def context(found: Approval, tool: Tool | None) -> dict[str, Any]:
    """What the fragment that asks is made of."""
    return {
        "approval": found,
        "shown": arguments_digest(found),
        "title": tool.title if tool else found.tool,
        "fields": tool.fields if tool else {},
        "preview": display_parts_from_json(found.preview),
    }


def approval_of(event: ApprovalRequested) -> dict[str, Any] | None:
    """What the fragment that asks is made of; None when there is nothing to decide any more."""
    found = db.session.get(Approval, event.url.rpartition("/")[2])
    if found is None or found.status != "waiting":
        return None
    return context(found, services().registry.find(found.tool))


def init_app(app: Flask) -> None:
    app.register_blueprint(bp)
    app.jinja_env.globals["approval_of"] = approval_of


def _json(found: Approval) -> dict[str, Any]:
    told = to_json(approval_event(found))
    preview = [
        {"mimeType": media_type(one), "text": one.text}
        for one in display_parts_from_json(found.preview)
    ]
    decided = {"approvalId": found.id, "status": found.status, "changed": found.decided}
    return told | decided | {"preview": preview}
