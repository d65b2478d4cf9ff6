"""Where a person is signed in, and signing out elsewhere."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, jsonify, render_template, url_for
from flask.typing import ResponseReturnValue

from app.auth import security_log, session_table
from app.auth.device_names import name_device
from app.auth.place import place_of_request
from app.auth.sessions import current_session, current_user, require_user
from app.db.account_models import UserSession
from app.db.models import iso_utc
from app.errors import NotFound
from app.web.error_responses import wants_json
from app.web.redirects import redirect

bp = Blueprint("user_sessions", __name__, url_prefix="/auth/sessions")
bp.before_request(require_user)


@bp.get("")
def list_all() -> ResponseReturnValue:
    """List the sessions that are open, this one first."""
    sessions = session_table.of_person(current_user().id)
    sessions.sort(key=lambda session: session.id != current_session())
    if wants_json():
        return jsonify(sessions=[_as_json(session) for session in sessions])
    return render_template(
        "auth/sessions.html",
        sessions=sessions,
        current=current_session(),
        name_device=name_device,
    )


@bp.post("/<session_id>/end")
def end(session_id: str) -> ResponseReturnValue:
    """Sign out one session. One that has ended already stays as it is."""
    which = UserSession.user_id == current_user().id
    if not session_table.end(which & (UserSession.id == session_id)):
        raise NotFound("There is no such session, or it has ended already.")
    security_log.note("sessions_ended", current_user().id, place_of_request())
    return _done("This session is signed out.")


@bp.post("/end-others")
def end_others() -> ResponseReturnValue:
    """Sign out everywhere but here."""
    session_table.end_others(current_user().id, current_session())
    security_log.note("sessions_ended", current_user().id, place_of_request())
    return _done("You are signed out everywhere else.")


def _done(message: str) -> ResponseReturnValue:
    return jsonify(message=message) if wants_json() else redirect(url_for(".list_all"))


def _as_json(session: UserSession) -> dict[str, Any]:
    return {
        "id": session.id,
        "current": session.id == current_session(),
        "device": name_device(session.device),
        "address": session.address,
        "signedInAt": iso_utc(session.created_at),
        "lastSeenAt": iso_utc(session.renewed_at),
    }
