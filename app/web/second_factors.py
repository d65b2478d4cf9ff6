"""What people set up for their second step: an authenticator app and recovery codes."""

from __future__ import annotations

from flask import Blueprint, jsonify, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.auth import authenticator_apps, recovery_codes, second_factors, security_log
from app.auth.accounts import FormErrors
from app.auth.place import place_of_request
from app.auth.sessions import current_user, require_recent_password, require_user
from app.errors import Conflict, NotFound
from app.web.account_limits import second_step_attempt
from app.web.error_responses import wants_json
from app.web.fields import fields_as_json, read_fields
from app.web.redirects import redirect

bp = Blueprint("second_factors", __name__, url_prefix="/auth/second-factor")
bp.before_request(require_user)


@bp.get("")
def show() -> ResponseReturnValue:
    factors = second_factors.of_person(current_user().id)
    if wants_json():
        return jsonify(second_factors.as_json(factors))
    return factors_page()


@bp.get("/app")
def app_setup() -> ResponseReturnValue:
    """Show a new secret. It counts once a code confirms it."""
    require_recent_password()
    setup = authenticator_apps.begin_setup(current_user())
    if wants_json():
        return jsonify(secret=setup.secret, uri=setup.uri, setup=setup.sealed)
    return render_template("auth/authenticator_app.html", setup=setup, errors={})


@bp.post("/app")
def add_app() -> ResponseReturnValue:
    """Set up the app of `setup` by one of its codes."""
    require_recent_password()
    person, given = current_user(), read_fields()
    setup = authenticator_apps.read_setup(person, given.get("setup", ""))
    with second_step_attempt(person.email) as attempt:
        authenticator_apps.confirm_setup(person, setup, given.get("code", ""))
        attempt.succeeded = True
    security_log.note("second_factor_added", person.id, place_of_request())
    return factor_added("Your authenticator app is set up.", "app")


@bp.post("/app/remove")
def remove_app() -> ResponseReturnValue:
    require_recent_password()
    person = current_user()
    if not authenticator_apps.remove(person.id):
        raise NotFound("There is no authenticator app.")
    second_factors.forget_useless_codes(person.id)
    security_log.note("second_factor_removed", person.id, place_of_request())
    return factors_changed("Your authenticator app is removed.", "app-removed")


@bp.post("/recovery-codes")
def make_codes() -> ResponseReturnValue:
    """Make new recovery codes in place of the old ones, and show them this once."""
    require_recent_password()
    person = current_user()
    if not second_factors.of_person(person.id).needed:
        raise Conflict("Set up an authenticator app or a passkey first.")
    codes = recovery_codes.make(person.id)
    security_log.note("recovery_codes_made", person.id, place_of_request())
    return _show_codes("Your old recovery codes are no longer good.", codes)


@bp.errorhandler(FormErrors)
def _show_form_errors(error: FormErrors) -> ResponseReturnValue:
    if wants_json():
        return fields_as_json(error)
    try:
        setup = authenticator_apps.read_setup(current_user(), request.form.get("setup", ""))
    except FormErrors:
        setup = authenticator_apps.begin_setup(current_user())
    page = render_template("auth/authenticator_app.html", setup=setup, errors=error.fields)
    return page, error.status


def factor_added(message: str, what: str) -> ResponseReturnValue:
    """Respond to a new app or passkey, with recovery codes for a person who has none."""
    person = current_user()
    codes = second_factors.first_codes(person.id)
    if not codes:
        return factors_changed(message, what)
    security_log.note("recovery_codes_made", person.id, place_of_request())
    return _show_codes(message, codes)


def factors_changed(message: str, what: str) -> ResponseReturnValue:
    if wants_json():
        return jsonify(message=message)
    return redirect(url_for("second_factors.show", done=what))


def factors_page(errors: dict[str, str] | None = None) -> str:
    """Render the page that shows everything a person has for the second step."""
    return render_template(
        "auth/second_factors.html",
        factors=second_factors.of_person(current_user().id),
        done=request.args.get("done"),
        errors=errors or {},
        typed=request.form,
    )


def _show_codes(message: str, codes: list[str]) -> ResponseReturnValue:
    if wants_json():
        return jsonify(message=message, recovery_codes=codes)
    return render_template("auth/recovery_codes.html", message=message, codes=codes)
