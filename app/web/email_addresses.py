"""A person's e-mail address: confirm it, change it; and the links in mails that do so."""

from __future__ import annotations

from flask import Blueprint, jsonify, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.auth import accounts, email_change, email_verification, security_log
from app.auth.accounts import FormErrors
from app.auth.place import place_of_request
from app.auth.sessions import (
    current_session,
    current_user,
    require_recent_password,
    require_user,
)
from app.db.models import db
from app.mail.queue import where_mails_go
from app.texts import later
from app.web.account_limits import count_mail
from app.web.error_responses import wants_json
from app.web.fields import fields_as_json, read_fields
from app.web.mail_links import link_maker, render_link_page, token_of_request
from app.web.redirects import redirect

bp = Blueprint("email_addresses", __name__, url_prefix="/auth")

_OPEN = frozenset({"verify_form", "verify", "change_form", "confirm_change"})
"""The pages that the links lead to: whoever has the mail may open them, on any device."""


@bp.before_request
def _require_user() -> None:
    if str(request.endpoint).rpartition(".")[2] not in _OPEN:
        require_user()


@bp.get("/email")
def show() -> ResponseReturnValue:
    return _page()


@bp.post("/email/verification")
def send_verification() -> ResponseReturnValue:
    """Send the mail that confirms the address once more."""
    person = current_user()
    if person.email_verified_at is None:
        count_mail(person.email)
        link = link_maker("email_addresses.verify_form")
        email_verification.queue_verification(person.id, person.email, link)
        db.session.commit()
    return _done(f"A mail to confirm your address {where_mails_go()}.", "sent")


@bp.post("/email")
def change() -> ResponseReturnValue:
    """Ask for a change of the address, which both addresses have to confirm."""
    require_recent_password()
    person = current_user()
    new_email = accounts.checked_email(read_fields())
    if new_email == person.email:
        raise FormErrors({"email": later("This is your address already: enter another one.")})
    count_mail(new_email)
    count_mail(person.email)
    link = link_maker("email_addresses.change_form")
    email_change.ask_for_change(person, current_session(), new_email, link, place_of_request())
    return _done(f"A mail to confirm the change {where_mails_go()}.", "asked")


@bp.post("/email/cancel")
def cancel() -> ResponseReturnValue:
    """Keep the address."""
    email_change.cancel_change(current_user().id)
    security_log.note("email_change_cancelled", current_user().id, place_of_request())
    return _done("Your address stays as it is.", "kept")


@bp.get("/verify")
def verify_form() -> ResponseReturnValue:
    """Show a button: programs that look through mails open links, but press no buttons."""
    email = email_verification.email_of(token_of_request())
    return render_link_page("auth/verify.html", email=email, token=token_of_request())


@bp.post("/verify")
def verify() -> ResponseReturnValue:
    email_verification.verify_email(token_of_request(), place_of_request())
    return _told(later("Your e-mail address is confirmed."))


@bp.get("/email-change")
def change_form() -> ResponseReturnValue:
    """Show what a link in a mail about a change can do."""
    change, side = email_change.read_change(token_of_request())
    confirms = change.old_confirmed_at is None if side == "old" else True
    return render_link_page(
        "auth/email_change.html", change=change, confirms=confirms, token=token_of_request()
    )


@bp.post("/email-change")
def confirm_change() -> ResponseReturnValue:
    """Confirm the change for the address that got the link, or cancel it."""
    token = token_of_request()
    if read_fields().get("action") == "cancel":
        user_id = email_change.read_change(token)[0].user_id
        email_change.cancel_change(user_id)
        security_log.note("email_change_cancelled", user_id, place_of_request())
        return _told(later("The change is cancelled, and the address stays as it is."))
    if email_change.confirm_change(token, place_of_request()):
        return _told(later("The e-mail address is changed."))
    return _told(later("Confirmed. Now open the link in the mail to the other address."))


@bp.errorhandler(FormErrors)
def _show_form_errors(error: FormErrors) -> ResponseReturnValue:
    return fields_as_json(error) if wants_json() else (_page(error.fields), error.status)


def _page(errors: accounts.Fields | None = None) -> str:
    return render_template(
        "auth/email.html",
        person=current_user(),
        change=email_change.change_of(current_user().id),
        errors=errors or {},
        typed=request.form,
        done=request.args.get("done"),
        where_mails_go=where_mails_go(),
    )


def _done(message: str, what: str) -> ResponseReturnValue:
    if wants_json():
        return jsonify(message=message), 202
    return redirect(url_for(".show", done=what))


def _told(message: str) -> ResponseReturnValue:
    if wants_json():
        return jsonify(message=message)
    return render_link_page("auth/link_done.html", message=message)
