"""The tool servers: their state, their tools, and what they sent for the person."""

from __future__ import annotations

from flask import Blueprint, jsonify, render_template
from flask.typing import ResponseReturnValue

from app.auth.sessions import current_user, require_user
from app.db.models import db
from app.lifecycle import services
from app.tools.approval_rules import ApprovalRules
from app.tools.outbox import read_outbox
from app.web.error_responses import wants_json
from app.web.pages import render_page, tool_servers

bp = Blueprint("tools", __name__)
bp.before_request(require_user)


@bp.get("/status")
def status() -> ResponseReturnValue:
    """The status dots."""
    return render_template("tools/_status.html", servers=tool_servers())


@bp.get("/tools")
def tools() -> ResponseReturnValue:
    """Every server and its tools, under the names that the model calls them by."""
    rules = ApprovalRules(services().settings.approvals)
    unknown = services().unknown_approvals()
    return render_page("tools/list.html", rules=rules, unknown_approvals=unknown)


@bp.get("/outbox")
def outbox() -> ResponseReturnValue:
    """What was sent on this person's behalf, as the services that sent it tell."""
    user_id = current_user().id
    db.session.remove()
    messages = read_outbox(services().registry, user_id)
    if wants_json():
        return jsonify(messages=messages)
    return render_page("tools/outbox.html", messages=messages)
