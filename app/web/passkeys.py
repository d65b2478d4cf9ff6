"""Passkeys: people add, name and remove theirs, and use one in place of the password."""

from __future__ import annotations

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from app.auth import passkeys, second_factors, security_log
from app.auth.accounts import FormErrors
from app.auth.place import place_of_request
from app.auth.sessions import (
    confirm_session,
    current_user,
    require_recent_password,
    require_user,
)
from app.web.account import confirm_page
from app.web.account_limits import password_attempt
from app.web.error_responses import wants_json
from app.web.fields import fields_as_json, read_fields
from app.web.passkey_challenges import read_challenge, send_options
from app.web.redirects import redirect, safe_next
from app.web.second_factors import factor_added, factors_changed, factors_page

bp = Blueprint("passkeys", __name__, url_prefix="/auth/passkeys")
bp.before_request(require_user)


@bp.post("/options")
def creation_options() -> ResponseReturnValue:
    require_recent_password()
    person = current_user()
    return send_options(passkeys.creation_options(person), "register", person.id)


@bp.post("")
def add() -> ResponseReturnValue:
    """Add the passkey of `credential`, called `passkey_name`."""
    require_recent_password()
    person, given = current_user(), read_fields()
    challenge = read_challenge("register", person.id)
    name, credential = given.get("passkey_name", ""), given.get("credential", "")
    passkey = passkeys.register(person, name, credential, challenge)
    security_log.note("passkey_added", person.id, place_of_request(), passkey.name)
    return factor_added("Your passkey is added.", "passkey")


@bp.post("/<passkey_id>/remove")
def remove(passkey_id: str) -> ResponseReturnValue:
    require_recent_password()
    person = current_user()
    name = passkeys.remove(person.id, passkey_id)
    second_factors.forget_useless_codes(person.id)
    security_log.note("passkey_removed", person.id, place_of_request(), name)
    return factors_changed("Your passkey is removed.", "passkey-removed")


@bp.post("/confirm/options")
def confirm_options() -> ResponseReturnValue:
    person = current_user()
    options = passkeys.request_options(person.id, alone=True)
    return send_options(options, "confirm", person.id)


@bp.post("/confirm")
def confirm() -> ResponseReturnValue:
    """Take a passkey in place of the password, for what asks for that once more."""
    person, given = current_user(), read_fields()
    with password_attempt(person.email) as attempt:
        challenge = read_challenge("confirm", person.id)
        credential = given.get("credential", "")
        passkey = passkeys.use(credential, challenge, user_id=person.id, alone=True)
        attempt.succeeded = True
    tokens = confirm_session()
    security_log.note("passkey_confirmed", person.id, place_of_request(), passkey.name)
    if wants_json():
        return jsonify(message="Go on.", **tokens)
    return redirect(safe_next(given.get("next")))


@bp.errorhandler(FormErrors)
def _show_form_errors(error: FormErrors) -> ResponseReturnValue:
    confirming = request.endpoint == "passkeys.confirm"
    if confirming:
        security_log.note("passkey_refused", current_user().id, place_of_request())
    if wants_json():
        return fields_as_json(error)
    if confirming:
        page = confirm_page(request.form.get("next", ""), error.fields)
    else:
        page = factors_page(error.fields)
    return page, error.status
