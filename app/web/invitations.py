"""Invitations to sign up, which an admin makes and takes back."""

from __future__ import annotations

from flask import Blueprint, jsonify, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.auth import invitations, security_log
from app.auth.accounts import FormErrors
from app.auth.invitations import MOST_DAYS, MOST_USES
from app.auth.place import place_of_request
from app.auth.sessions import current_user, require_admin, require_user
from app.errors import NotFound
from app.lifecycle import services
from app.web.error_responses import wants_json
from app.web.fields import fields_as_json, read_fields
from app.web.redirects import redirect

bp = Blueprint("invitations", __name__, url_prefix="/invitations")
bp.before_request(require_user)


@bp.before_request
def _let_admins_on() -> None:
    require_admin("Only an admin invites people.")


@bp.get("")
def list_all() -> ResponseReturnValue:
    return _page()


@bp.post("")
def make() -> ResponseReturnValue:
    """Make an invitation, and show its link this once."""
    given = read_fields()
    days = _number(given.get("days", "7"), "days", MOST_DAYS)
    uses = _number(given.get("uses", "1"), "uses", MOST_USES)
    code = invitations.make_invitation(current_user().id, days, uses)
    security_log.note("invitation_made", current_user().id, place_of_request())
    link = services().settings.app_url + url_for("auth.signup_form", invitation=code)
    if wants_json():
        return jsonify(link=link), 201
    return _page(link=link), 201


@bp.post("/<invitation_id>/revoke")
def revoke(invitation_id: str) -> ResponseReturnValue:
    """Take an invitation back. Raises NotFound."""
    if not invitations.revoke_invitation(invitation_id):
        raise NotFound("There is no such invitation.")
    security_log.note("invitation_revoked", current_user().id, place_of_request())
    if wants_json():
        return jsonify(message="The invitation is taken back.")
    return redirect(url_for(".list_all"))


@bp.errorhandler(FormErrors)
def _show_form_errors(error: FormErrors) -> ResponseReturnValue:
    return fields_as_json(error) if wants_json() else (_page(errors=error.fields), error.status)


def _page(**values: object) -> str:
    typed = {"days": "7", "uses": "1"} | request.form.to_dict()
    common: dict[str, object] = {"errors": {}, "typed": typed, "link": ""}
    listed = invitations.open_invitations()
    return render_template("auth/invitations.html", invitations=listed, **(common | values))


def _number(text: str, field: str, most: int) -> int:
    """Return the number in a field. Raises FormErrors."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 4 and 1 <= int(text) <= most):
        raise FormErrors({field: f"Enter a number from 1 to {most}."})
    return int(text)
