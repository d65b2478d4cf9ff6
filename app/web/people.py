"""The people who have an account, for admins: look them up, and change their role."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, jsonify, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.auth import roles, security_log
from app.auth.accounts import FormErrors, profile
from app.auth.place import Place, place_of_request
from app.auth.sessions import (
    current_user,
    require_admin,
    require_recent_password,
    require_user,
)
from app.web.error_responses import wants_json
from app.web.fields import fields_as_json, read_fields
from app.web.redirects import redirect

bp = Blueprint("people", __name__, url_prefix="/people")


@bp.before_request
def _let_admins_on() -> None:
    require_user()
    require_admin("Only an admin sees who has an account.")


@bp.get("")
def list_all() -> ResponseReturnValue:
    """List 50 people by address; ?search= for some words of the address or name."""
    found = roles.search(request.args.get("search", ""), request.args.get("after", ""))
    if wants_json():
        return jsonify(people=[profile(each) for each in found.people], after=found.after)
    return _page(found)


@bp.post("/<person_id>/role")
def change_role(person_id: str) -> ResponseReturnValue:
    """Give somebody another role."""
    require_recent_password()
    fields, actor = read_fields(), current_user()
    role = fields.get("role", "")
    if role not in roles.ROLES:
        raise FormErrors({"role": "The role has to be user or admin."})
    if roles.change(person_id, role):
        # Where the admin sits is no business of the other person. It is in the admin's own log.
        place = place_of_request() if person_id == actor.id else Place("", "")
        security_log.note("role_changed", person_id, place, f"{role}, by {actor.email}")
    if wants_json():
        return jsonify(message=f"The role is {role} now.")
    return redirect(url_for(".list_all", search=fields.get("search") or None, done="role"))


@bp.errorhandler(FormErrors)
def _show_form_errors(error: FormErrors) -> ResponseReturnValue:
    if wants_json():
        return fields_as_json(error)
    return _page(roles.search(""), wrong=error.message), error.status


def _page(found: roles.PeoplePage, **values: Any) -> str:
    return render_template("people/list.html", found=found, **values)
