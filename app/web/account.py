"""What people do with their own account: name, password, and what has happened to it."""

from __future__ import annotations

from datetime import datetime
from itertools import chain
from typing import Any

from flask import (
    Blueprint,
    Response,
    jsonify,
    make_response,
    render_template,
    request,
    stream_with_context,
    url_for,
)
from flask.typing import ResponseReturnValue

from app import account_data
from app.auth import accounts, identities, security_log, session_table
from app.auth.accounts import FormErrors
from app.auth.device_names import name_device
from app.auth.place import place_of_request
from app.auth.sessions import (
    confirm_session,
    current_session,
    current_user,
    require_admin,
    require_recent_password,
    require_user,
)
from app.db.account_models import SecurityEvent
from app.lifecycle import services
from app.texts import later
from app.web.account_limits import password_attempt
from app.web.error_responses import wants_json
from app.web.fields import fields_as_json, read_fields
from app.web.looks import AUTOMATIC, keep_looks, read_looks
from app.web.redirects import path_of, redirect, safe_next
from app.web.streaming import drop_slow_reader

bp = Blueprint("account", __name__, url_prefix="/auth")
bp.before_request(require_user)

_DOWNLOAD_SECONDS = 600.0
"""How long a download of all data may take its reader."""


@bp.get("/profile")
def profile() -> ResponseReturnValue:
    if wants_json() or "text/html" not in request.headers.get("Accept", ""):
        return jsonify(user=accounts.profile(current_user()))
    return _page("profile")


@bp.get("/security")
def security() -> ResponseReturnValue:
    """Show how the person signs in, and what they can change about that."""
    return _page("security")


@bp.get("/data")
def data() -> ResponseReturnValue:
    """Show how the person downloads all their data, or deletes the account."""
    return _page("data")


@bp.post("/name")
def change_name() -> ResponseReturnValue:
    accounts.change_name(current_user().id, read_fields())
    security_log.note("name_changed", current_user().id, place_of_request())
    return _done("Your name is changed.", "profile", "name")


@bp.post("/looks")
def choose_looks() -> ResponseReturnValue:
    """Keep the `theme`, `density`, time `zone` and `language` of pages in this browser."""
    given = read_fields()
    theme, density, zone = (given.get(name, "") for name in ("theme", "density", "zone"))
    chosen = read_looks(theme, density, zone, given.get("language", AUTOMATIC))
    done = _done("Pages look as you want in this browser.", "profile", "looks")
    return keep_looks(make_response(done), chosen)


@bp.post("/password")
def change_password() -> ResponseReturnValue:
    """Change the password, and sign out everywhere else. Asks for the current one in any case."""
    person, given = current_user(), read_fields()
    if had_one := accounts.has_password(person.id):
        _check_password("current_password", given.get("current_password", ""))
    else:
        require_recent_password()
    accounts.change_password(person.id, given)
    session_table.end_others(person.id, current_session())
    tokens = confirm_session() if had_one else {}
    security_log.note("password_changed", person.id, place_of_request())
    message = "Your password is changed, and you are signed out everywhere else."
    return _done(message, "security", "password", **tokens)


@bp.get("/confirm")
def confirm_form() -> ResponseReturnValue:
    """Ask for the password once more, before what needs it."""
    return confirm_page(request.args.get("next", ""))


@bp.post("/confirm")
def confirm() -> ResponseReturnValue:
    person, place = current_user(), place_of_request()
    given = read_fields()
    _check_password("password", given.get("password", ""))
    tokens = confirm_session()
    security_log.note("password_confirmed", person.id, place)
    if wants_json():
        return jsonify(message="Go on.", **tokens)
    return redirect(safe_next(given.get("next")))


@bp.get("/download")
def download() -> ResponseReturnValue:
    """Send all that there is of the person, as a file."""
    require_recent_password()
    user_id = current_user().id
    security_log.note("data_downloaded", user_id, place_of_request())
    pieces = account_data.export_person(user_id, services().registry)
    first = next(pieces)  # so that a service that doesn't answer is an error, not half a file
    in_time = drop_slow_reader(chain([first], pieces), _DOWNLOAD_SECONDS)
    body = stream_with_context(in_time)
    response = Response(body, mimetype="application/json")
    response.headers["Content-Disposition"] = "attachment; filename=homestream.json"
    return response


@bp.post("/delete")
def delete() -> ResponseReturnValue:
    """Have the account deleted in a week, and sign out everywhere else."""
    require_recent_password()
    person = current_user()
    at = account_data.ask_for_deletion(person.id)
    session_table.end_others(person.id, current_session())
    security_log.note("deletion_asked", person.id, place_of_request())
    return _done(f"Your account will be deleted on {at:%-d %B %Y}.", "data", "delete")


@bp.post("/keep")
def keep() -> ResponseReturnValue:
    """Keep an account that was to be deleted."""
    account_data.take_deletion_back(current_user().id)
    security_log.note("deletion_taken_back", current_user().id, place_of_request())
    return _done("Your account is kept.", "data", "keep")


@bp.get("/security-log")
def show_security_log() -> ResponseReturnValue:
    """Show what has happened to the person's account; to an admin with ?all=1, to every account."""
    everybody = request.args.get("all") == "1"
    if everybody:
        require_admin("Only an admin sees the log of every account.")
    events = security_log.latest(None if everybody else current_user().id)
    if wants_json():
        return jsonify(events=[_as_json(event) for event in events])
    return render_template(
        "auth/security_log.html",
        events=events,
        everybody=everybody,
        sentences=security_log.SENTENCES,
        name_device=name_device,
    )


@bp.post("/notices/seen")
def dismiss_notices() -> ResponseReturnValue:
    """Show the notices up to a time no more. Raises FormErrors."""
    try:
        until = datetime.fromisoformat(read_fields().get("until", "")).replace(tzinfo=None)
    except ValueError:
        raise FormErrors({"until": "Send the time of the last notice that was seen."}) from None
    security_log.dismiss_notices(current_user().id, until)
    if wants_json():
        return jsonify(message="These notices are shown no more.")
    return redirect(safe_next(path_of(request.referrer)))


@bp.errorhandler(FormErrors)
def _show_form_errors(error: FormErrors) -> ResponseReturnValue:
    if wants_json():
        return fields_as_json(error)
    if request.endpoint == "account.confirm":
        return confirm_page(request.form.get("next", ""), error.fields), error.status
    part = "security" if request.endpoint == "account.change_password" else "profile"
    return _page(part, errors=error.fields, typed=request.form), error.status


def _check_password(field: str, password: str) -> None:
    """Raise FormErrors, and note it, if this is not the person's password. Raises TooMany."""
    person = current_user()
    with password_attempt(person.email) as attempt:
        attempt.succeeded = accounts.is_password_of(person.id, password)
    if not attempt.succeeded:
        security_log.note("password_refused", person.id, place_of_request())
        raise FormErrors({field: later("This is not your password.")}, status=403)


def confirm_page(target: str, errors: accounts.Fields | None = None) -> str:
    """Render the page that asks once more who it is, and then leads to `target`."""
    person_id = current_user().id
    return render_template(
        "auth/confirm.html",
        errors=errors or {},
        next=target,
        has_password=accounts.has_password(person_id),
        has_provider=identities.is_connected(person_id, services().settings.oidc_issuer),
    )


def _page(part: str, **values: Any) -> str:
    """Render one of the parts of the account: profile, security or data."""
    known = {"errors": {}, "typed": {"name": current_user().name}, "done": request.args.get("done")}
    return render_template(
        f"auth/{part}.html",
        person=current_user(),
        has_password=accounts.has_password(current_user().id),
        **(known | values),
    )


def _done(message: str, part: str, what: str, **tokens: str) -> ResponseReturnValue:
    """Respond to a change: with JSON, or by leading to the part of the account that tells it."""
    if wants_json():
        return jsonify(message=message, **tokens)
    return redirect(url_for(f".{part}", done=what))


def _as_json(event: SecurityEvent) -> dict[str, Any]:
    named = {"userId": event.user_id, "device": name_device(event.device)}
    return security_log.as_json(event) | named
