"""The second step of signing in: a code or a passkey, after the password."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from app.auth import passkeys, second_factors, security_log
from app.auth.accounts import Fields, FormErrors
from app.auth.place import place_of_request
from app.db.models import User
from app.errors import Unauthenticated
from app.texts import later
from app.web.account_limits import second_step_attempt
from app.web.error_responses import error_headers, render_error, wants_json
from app.web.fields import fields_as_json, read_fields
from app.web.passkey_challenges import read_challenge, send_options
from app.web.signing_in import FirstStep, begin_session, read_first_step

bp = Blueprint("second_step", __name__, url_prefix="/auth")


@bp.get("/second-step")
def show() -> ResponseReturnValue:
    return _page(_first_step())


@bp.post("/second-factor")
def take() -> ResponseReturnValue:
    """Sign in with `code` or `credential`, after the password."""
    given = read_fields()
    first = _first_step(given.get("second_factor_token", ""))
    with second_step_attempt(first.person.email) as attempt:
        _take(first.person, given)
        attempt.succeeded = True
    return begin_session(first.person, first.status, first.kind)


@bp.post("/second-factor/options")
def passkey_options() -> ResponseReturnValue:
    person = _first_step().person
    options = passkeys.request_options(person.id, alone=False)
    return send_options(options, "second step", person.id)


@bp.errorhandler(FormErrors)
def _show_form_errors(error: FormErrors) -> ResponseReturnValue:
    if wants_json():
        return fields_as_json(error)
    return _page(_first_step(), error.status, error.fields)


@bp.errorhandler(Unauthenticated)
def _begin_again(error: Unauthenticated) -> ResponseReturnValue:
    if wants_json():
        return render_error(error)
    errors = {"password": error.message}
    page = render_template("auth/login.html", errors=errors, typed={}, next=_next())
    return page, error.status, error_headers(error)


def _take(person: User, given: dict[str, Any]) -> None:
    """Take the second step. Raises FormErrors, and notes what was refused."""
    place = place_of_request()
    try:
        kind, detail = _with_passkey(person, given) or _with_code(person, given.get("code", ""))
    except FormErrors:
        security_log.note("second_factor_refused", person.id, place)
        raise
    security_log.note(kind, person.id, place, detail)


def _with_passkey(person: User, given: dict[str, Any]) -> tuple[security_log.Kind, str] | None:
    if "credential" not in given:
        return None
    challenge = read_challenge("second step", person.id)
    passkey = passkeys.use(given["credential"], challenge, user_id=person.id, alone=False)
    return "second_factor_used", passkey.name


def _with_code(person: User, code: str) -> tuple[security_log.Kind, str]:
    kind = second_factors.use_code(person.id, code)
    if kind is None:
        wrong = later("This code is wrong or was used already. Enter another one.")
        raise FormErrors({"code": wrong}, status=401)
    return kind, ""


def _first_step(token: str = "") -> FirstStep:
    """Return the first step that was taken. Raises Unauthenticated."""
    first = read_first_step(token)
    if first is None:
        raise Unauthenticated(later("The second step came too late. Log in once more."))
    return first


def _page(first: FirstStep, status: int = 200, errors: Fields | None = None) -> ResponseReturnValue:
    factors = second_factors.of_person(first.person.id)
    page = render_template(
        "auth/second_step.html", factors=factors, errors=errors or {}, next=_next()
    )
    return page, status


def _next() -> str:
    try:
        return request.values.get("next", "")
    except HTTPException:
        # The body is too large, say, and nothing has read it before this error's page.
        return ""
