"""The provider that a person's account is connected to, and disconnecting it."""

from __future__ import annotations

from flask import Blueprint, jsonify, render_template, url_for
from flask.typing import ResponseReturnValue

from app.auth import identities, security_log
from app.auth.place import place_of_request
from app.auth.sessions import (
    current_session,
    current_user,
    require_recent_password,
    require_user,
)
from app.db.account_models import Identity
from app.db.models import iso_utc
from app.lifecycle import services
from app.web.error_responses import wants_json
from app.web.redirects import redirect
from app.web.sign_in_flow import connect_pass

bp = Blueprint("identities", __name__, url_prefix="/auth/identities")
bp.before_request(require_user)


@bp.get("")
def list_all() -> ResponseReturnValue:
    person = current_user()
    known = identities.of_person(person.id)
    if wants_json():
        return jsonify(identities=[_as_json(each) for each in known])
    return render_template(
        "auth/identities.html",
        identities=known,
        connected=identities.is_connected(person.id, services().settings.oidc_issuer),
        connect_pass=connect_pass(current_session()),
    )


@bp.post("/<identity_id>/disconnect")
def disconnect(identity_id: str) -> ResponseReturnValue:
    require_recent_password()
    person = current_user()
    identities.disconnect(person.id, identity_id)
    security_log.note("provider_disconnected", person.id, place_of_request())
    if wants_json():
        return jsonify(message="The provider is disconnected.")
    return redirect(url_for(".list_all"))


def _as_json(identity: Identity) -> dict[str, str]:
    return {
        "id": identity.id,
        "issuer": identity.issuer,
        "connectedAt": iso_utc(identity.created_at),
    }
