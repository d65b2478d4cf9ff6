"""Log in with a passkey alone: no address, no password, no second step."""

from __future__ import annotations

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from app.auth import passkeys, security_log
from app.auth.passkeys import PasskeyRefused
from app.auth.place import place_of_request
from app.db.models import User, db
from app.web.account_limits import nameless_attempt
from app.web.error_responses import wants_json
from app.web.fields import fields_as_json, read_fields
from app.web.passkey_challenges import read_challenge, send_options
from app.web.signing_in import begin_session

bp = Blueprint("passkey_log_in", __name__, url_prefix="/auth/passkeys/login")


@bp.post("/options")
def options() -> ResponseReturnValue:
    return send_options(passkeys.request_options(None, alone=True), "sign in")


@bp.post("")
def log_in() -> ResponseReturnValue:
    """Sign in with the passkey of `credential`, which has verified its user."""
    credential = read_fields().get("credential", "")
    with nameless_attempt() as attempt:
        challenge = read_challenge("sign in")
        passkey = passkeys.use(credential, challenge, user_id=None, alone=True)
        attempt.succeeded = True
    person = db.session.get_one(User, passkey.user_id)
    return begin_session(person, 200, "signed_in_by_passkey")


@bp.errorhandler(PasskeyRefused)
def _show_refusal(error: PasskeyRefused) -> ResponseReturnValue:
    if error.user_id:
        security_log.note("passkey_refused", error.user_id, place_of_request())
    if wants_json():
        return fields_as_json(error)
    target = request.form.get("next", "")
    page = render_template("auth/login.html", errors=error.fields, typed={}, next=target)
    return page, error.status
