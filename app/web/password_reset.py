"""Forgotten passwords: ask for a mail, and set a new password by the link in it."""

from __future__ import annotations

from flask import Blueprint, jsonify, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.auth import accounts, password_reset
from app.auth.accounts import FormErrors
from app.auth.place import place_of_request
from app.mail.queue import where_mails_go
from app.web.account_limits import count_mail, count_reset, forget_failures, remember_device
from app.web.error_responses import wants_json
from app.web.fields import fields_as_json, read_fields
from app.web.mail_links import link_maker, render_link_page, token_of_request
from app.web.redirects import redirect

bp = Blueprint("password_reset", __name__, url_prefix="/auth")


@bp.get("/forgot")
def ask_form() -> ResponseReturnValue:
    return render_template("auth/forgot.html", errors={}, typed={})


@bp.post("/forgot")
def ask() -> ResponseReturnValue:
    """Queue the mail. The reply is the same for every address."""
    count_reset()
    email = accounts.checked_email(read_fields())
    count_mail(email)
    password_reset.ask_for_reset(email, link_maker("password_reset.form"), place_of_request())
    message = (
        f"If there is an account with this address, a mail {where_mails_go()}. "
        f"Its link is good for {password_reset.MINUTES} minutes."
    )
    if wants_json():
        return jsonify(message=message), 202
    return render_template("auth/mail_asked.html", message=message), 202


@bp.get("/reset")
def form() -> ResponseReturnValue:
    """Show the form of a link that is good. Raises LinkGone."""
    password_reset.person_of(token_of_request())
    return _form()


@bp.post("/reset")
def reset() -> ResponseReturnValue:
    """Set the new password, after which its owner logs in as usual."""
    person = password_reset.reset_password(token_of_request(), read_fields(), place_of_request())
    forget_failures(person.email)
    if wants_json():
        return jsonify(message="Your password is changed: log in.")
    response = redirect(url_for("auth.login_form", done="reset"))
    # So that no guessing elsewhere can keep this browser out.
    remember_device(response, person.email)
    return response


@bp.errorhandler(FormErrors)
def _show_form_errors(error: FormErrors) -> ResponseReturnValue:
    if wants_json():
        return fields_as_json(error)
    if request.endpoint == "password_reset.reset":
        return _form(error)
    page = render_template("auth/forgot.html", errors=error.fields, typed=request.form)
    return page, error.status


def _form(error: FormErrors | None = None) -> ResponseReturnValue:
    return render_link_page(
        "auth/reset.html",
        error.status if error else 200,
        errors=error.fields if error else {},
        token=token_of_request(),
    )
