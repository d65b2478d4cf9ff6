"""The page between an answer's link and the address that it leads to, if the settings ask for it.

It shows the address and never leads there by itself. It shows only addresses that the app has
signed for the person who asks, so that nobody can send others here with an address of their own.
"""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Blueprint, current_app, render_template, request, url_for
from flask.typing import ResponseReturnValue
from itsdangerous import Signer

from app.auth.sessions import current_user, require_user
from app.auth.signed_texts import plain_signer
from app.errors import NotFound
from app.lifecycle import services
from app.rendering.links import LinkTarget, direct, web_host
from app.texts import later

bp = Blueprint("external_links", __name__)
bp.before_request(require_user)

_LONGEST = 3_500
"""Characters of a path: servers refuse a request whose first line is longer than 4,094."""


@bp.get("/link")
def show() -> ResponseReturnValue:
    """Show where a link leads, with a link to go on. Raises NotFound for an unsigned address."""
    address, signature = request.args.get("to", ""), request.args.get("signature", "")
    signed = _signer(current_user().id).verify_signature(address.encode(), signature)
    host = web_host(address) if signed else ""
    if not host:
        raise NotFound(
            later("This link is from none of your answers: open it from the answer again.")
        )
    return render_template("external_links/show.html", address=address, host=host)


def link_target(person_id: str) -> LinkTarget:
    """Return where links lead in the answers of a person: also outside of any request."""
    if not services().settings.external_link_page:
        return direct
    path, signer = url_for("external_links.show"), _signer(person_id)

    def by_way_of_page(address: str) -> str | None:
        signature = signer.get_signature(address).decode()
        target = f"{path}?{urlencode({'to': address, 'signature': signature})}"
        return target if len(target) <= _LONGEST else None

    return by_way_of_page


def _signer(person_id: str) -> Signer:
    return plain_signer(str(current_app.secret_key), f"external link of {person_id}")
