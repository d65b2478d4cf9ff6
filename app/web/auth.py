"""Sign up, log in, refresh, log out: plain forms, and the same as JSON."""

from __future__ import annotations

from typing import Any

import flask_jwt_extended as fje
from flask import Blueprint, g, jsonify, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_jwt_extended.exceptions import CSRFError

from app.auth import (
    accounts,
    email_verification,
    invitations,
    pending_sign_ups,
    security_log,
    session_table,
    session_tokens,
    sessions,
)
from app.auth.accounts import Fields, FormErrors, WrongPassword, sign_up
from app.auth.place import place_of_request
from app.db.account_models import UserSession
from app.db.models import User
from app.errors import Forbidden, Unauthenticated
from app.lifecycle import services
from app.mail.queue import has_server, where_mails_go
from app.texts import later
from app.web.account_limits import count_mail, count_sign_up, password_attempt
from app.web.drafts import drop_draft
from app.web.error_responses import wants_json
from app.web.fields import fields_as_json, read_fields
from app.web.mail_links import link_maker, render_link_page, token_of_request
from app.web.redirects import redirect
from app.web.signing_in import finish_sign_in

bp = Blueprint("auth", __name__, url_prefix="/auth")


@bp.get("/signup")
def signup_form() -> ResponseReturnValue:
    """Show the form to those who may sign up. Raises Forbidden."""
    _check_open()
    return _form("auth/signup.html")


@bp.post("/signup")
def signup() -> ResponseReturnValue:
    count_sign_up()
    _check_open()
    if has_server() or services().settings.require_verified_email:
        return _ask_for_account()
    person = sign_up(read_fields(), _admit)
    link = link_maker("email_addresses.verify_form")
    email_verification.queue_verification(person.id, person.email, link)
    security_log.note("signed_up", person.id, place_of_request())
    return finish_sign_in(person, 201)


@bp.get("/complete")
def complete_form() -> ResponseReturnValue:
    """Show the form of a link that is good. Raises LinkGone."""
    return _complete_page()


@bp.post("/complete")
def complete() -> ResponseReturnValue:
    """Make the account whose address the link confirms, and sign in. Raises LinkGone."""
    token = token_of_request()
    with password_attempt(pending_sign_ups.pending_of(token).email) as attempt:
        person = pending_sign_ups.make_account(token, read_fields().get("password", ""))
        attempt.succeeded = True
    security_log.note("signed_up", person.id, place_of_request())
    return finish_sign_in(person, 201)


@bp.get("/signin")
@bp.get("/login")
def login_form() -> ResponseReturnValue:
    return _form("auth/login.html")


@bp.post("/signin")
@bp.post("/login")
def login() -> ResponseReturnValue:
    given = read_fields()
    with password_attempt(given.get("email", "")) as attempt:
        person = _log_in(given)
        attempt.succeeded = True
    return finish_sign_in(person, 200, kind="signed_in")


@bp.post("/refresh")
def refresh() -> ResponseReturnValue:
    """Give new tokens for the refresh token in the Authorization header or cookie, which is used
    up by that."""
    try:
        sessions.verify_token(refresh=True)
    except CSRFError:
        raise Forbidden("The X-CSRF-TOKEN header is missing or wrong.") from None
    except sessions.BAD_TOKEN:
        raise Unauthenticated("The refresh token is missing, expired or not valid.") from None
    tokens = session_tokens.renew_session()
    response = jsonify(access_token=tokens.access, refresh_token=tokens.refresh)
    if "Authorization" not in request.headers:
        session_tokens.set_cookies(response, tokens)
    return response


@bp.post("/signout")
@bp.post("/logout")
def logout() -> ResponseReturnValue:
    """End the session. For a browser that has none, this is no error."""
    try:
        sessions.require_user()
        session_table.end(UserSession.id == sessions.current_session())
        security_log.note("signed_out", sessions.current_user().id, place_of_request())
    except Unauthenticated:
        if wants_json():
            raise
    g.pop("new_tokens", None)
    drop_draft()
    if wants_json():
        return jsonify(message="You are signed out.")
    response = redirect(url_for("auth.login_form"))
    fje.unset_jwt_cookies(response)
    # Not "cookies": that would sign the browser out of whatever else the domain has.
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


@bp.errorhandler(FormErrors)
def _show_form_errors(error: FormErrors) -> ResponseReturnValue:
    if wants_json():
        return fields_as_json(error)
    if request.endpoint == "auth.complete":
        return _complete_page(error)
    template = "auth/signup.html" if request.endpoint == "auth.signup" else "auth/login.html"
    return _form(template, error.status, error.fields)


def _check_open() -> None:
    """Check that the request's sender may sign up, as far as is known yet. Raises Forbidden."""
    mode = services().settings.sign_up
    if mode == "closed":
        raise Forbidden(later("Nobody can sign up here. Ask whoever runs this program."))
    if mode == "invitation" and not _invitation():
        raise Forbidden(later("To sign up here, open the link of an invitation."))
    if mode == "invitation":
        invitations.check_invitation(_invitation())


def _admit() -> None:
    """Use up the invitation where one is needed. Raises Forbidden."""
    if services().settings.sign_up == "invitation":
        invitations.use_invitation(invitations.invitation_digest(_invitation()))


def _ask_for_account() -> ResponseReturnValue:
    """Queue the mail that confirms the address. The reply is the same if it has an account."""
    given = read_fields()
    count_mail(accounts.checked_email(given))
    invitation = _invitation() if services().settings.sign_up == "invitation" else ""
    pending_sign_ups.ask_for_account(given, invitation, link_maker("auth.complete_form"))
    message = f"A mail {where_mails_go()}. Open the link in it to go on."
    if wants_json():
        return jsonify(message=message), 202
    return render_template("auth/mail_asked.html", message=message), 202


def _complete_page(error: FormErrors | None = None) -> ResponseReturnValue:
    token = token_of_request()
    return render_link_page(
        "auth/complete.html",
        error.status if error else 200,
        errors=error.fields if error else {},
        token=token,
        email=pending_sign_ups.pending_of(token).email,
    )


def _invitation() -> str:
    """Return the invitation's code in the address, the form or the JSON body."""
    given = request.args.get("invitation") or read_fields().get("invitation", "")
    return str(given)[:100]


def _log_in(given: dict[str, Any]) -> User:
    """Return the account. Raises FormErrors, and notes a wrong password."""
    try:
        return accounts.log_in(given)
    except WrongPassword as error:
        security_log.note("sign_in_failed", error.user_id, place_of_request())
        raise


def _form(template: str, status: int = 200, errors: Fields | None = None) -> ResponseReturnValue:
    page = render_template(
        template,
        errors=errors or {},
        typed=request.form,
        next=request.values.get("next", ""),
        invitation=request.values.get("invitation", ""),
    )
    return page, status
