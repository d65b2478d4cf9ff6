"""Sign in by a provider (OpenID Connect): the way there, and the way back."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from flask import Blueprint, Flask, Response, current_app, request, url_for
from flask.typing import ResponseReturnValue

from app.auth import identities, security_log, sessions
from app.auth.claims import LEEWAY_SECONDS, Claims, ProviderFailed
from app.auth.place import place_of_request
from app.auth.security_log import Kind
from app.config import Settings
from app.db.models import User, db
from app.errors import Forbidden, NotFound
from app.lifecycle import services
from app.texts import later
from app.tools.untrusted.responses import one_line
from app.web import sign_in_flow
from app.web.account_limits import count_sign_up, nameless_attempt
from app.web.error_responses import render_error
from app.web.redirects import redirect, safe_next
from app.web.sign_in_flow import Flow, Purpose
from app.web.signing_in import finish_sign_in

if TYPE_CHECKING:
    from app.auth.provider import Provider

log = logging.getLogger(__name__)
bp = Blueprint("oidc", __name__, url_prefix="/auth/oidc")

_LONG_AGO = datetime(1970, 1, 1)


def init_app(app: Flask, settings: Settings) -> None:
    sign_in_flow.init_app(app)
    app.extensions["provider"] = settings.oidc_issuer and _create_provider(settings)


def _create_provider(settings: Settings) -> Provider:
    # Not above: without a provider the app can do without what it takes to ask one (3 MB).
    from app.auth.provider import Provider

    return Provider(
        settings.oidc_issuer,
        settings.oidc_client_id,
        settings.oidc_client_secret.get_secret_value(),
        settings.oidc_scopes,
        f"{settings.app_url}/auth/oidc/callback",
    )


@bp.get("/start")
def start() -> ResponseReturnValue:
    """Lead to the provider. With ?for=connect or ?for=confirm, somebody is signed in already."""
    provider, purpose = _provider(), _purpose()
    session = ""
    if purpose != "sign_in":
        sessions.require_user()
        session = sessions.current_session()
    if purpose == "connect":
        sessions.require_recent_password()
        if not sign_in_flow.is_connect_pass(request.args.get("pass", ""), session):
            raise Forbidden("This link is too old: load the page again.")
    flow = Flow(purpose, safe_next(request.args.get("next")), session)
    url = provider.authorization_url(
        flow.state, flow.nonce, flow.verifier, again=purpose == "confirm"
    )
    response = redirect(url)
    sign_in_flow.keep_flow(response, flow)
    return response


@bp.get("/callback")
def callback() -> ResponseReturnValue:
    """Take the provider's answer."""
    provider, flow = _provider(), sign_in_flow.take_flow()
    with nameless_attempt() as attempt:
        if refusal := request.args.get("error"):
            words = f"{refusal}: {request.args.get('error_description', '')}"
            log.warning("the provider refused a sign-in: %s", one_line(words))
            raise Forbidden(
                later("The provider didn't let you in. Try again, or use your password.")
            )
        if request.args.get("iss", provider.issuer) != provider.issuer:
            raise ProviderFailed("This answer is another provider's.", detail="another iss")
        claims = provider.redeem(request.args.get("code", ""), flow.verifier, flow.nonce)
        response = _finish(flow, claims)
        attempt.succeeded = True
    return response


@bp.after_request
def _drop_flow(response: Response) -> Response:
    """Forget a sign-in that was answered, however that went."""
    return sign_in_flow.drop_flow(response) if request.endpoint == "oidc.callback" else response


@bp.errorhandler(ProviderFailed)
def _show_failure(error: ProviderFailed) -> ResponseReturnValue:
    log.warning("a sign-in by the provider failed: %s", one_line(error.detail))
    return render_error(error)


def _finish(flow: Flow, claims: Claims) -> ResponseReturnValue:
    if flow.purpose == "sign_in":
        return _sign_in(flow, claims)
    sessions.require_user()
    if sessions.current_session() != flow.session:
        raise Forbidden("Somebody else has signed in meanwhile. Begin once more.")
    db.session.rollback()  # a GET has begun to read only
    return (_connect if flow.purpose == "connect" else _confirm)(flow, claims)


def _sign_in(flow: Flow, claims: Claims) -> ResponseReturnValue:
    issuer = _provider().issuer
    person = identities.find_person(issuer, claims.subject)
    kind: Kind | None = "signed_in_by_provider" if person else None
    return finish_sign_in(
        person or _sign_up(issuer, claims),
        200,
        kind,
        target=flow.target,
        # An open session at the provider shows nothing recent: what is sensitive asks once more.
        shown_at=_shown_at(claims),
    )


def _sign_up(issuer: str, claims: Claims) -> User:
    count_sign_up()
    allowed = services().settings.oidc_sign_up
    person = identities.sign_up(issuer, claims, allowed=allowed)
    security_log.note("signed_up", person.id, place_of_request(), issuer)
    return person


def _connect(_flow: Flow, claims: Claims) -> ResponseReturnValue:
    issuer, person = _provider().issuer, sessions.current_user()
    identities.connect(person.id, issuer, claims.subject)
    security_log.note("provider_connected", person.id, place_of_request(), issuer)
    return redirect(url_for("identities.list_all"))


def _confirm(flow: Flow, claims: Claims) -> ResponseReturnValue:
    """Take a sign-in that was asked for just now instead of the password."""
    issuer, person = _provider().issuer, sessions.current_user()
    owner = identities.find_person(issuer, claims.subject)
    if owner is None or owner.id != person.id:
        raise Forbidden("You have signed in there as somebody else.")
    if (claims.authenticated_at or 0) < flow.began - LEEWAY_SECONDS:
        raise Forbidden("The provider didn't ask you to sign in once more. Log out there first.")
    sessions.confirm_session()
    security_log.note("provider_confirmed", person.id, place_of_request(), issuer)
    return redirect(flow.target)


def _shown_at(claims: Claims) -> datetime:
    """Return when the person showed the provider who they are; long ago if it doesn't say."""
    now = datetime.now(UTC).timestamp()
    moment = min(claims.authenticated_at or 0, now)
    return datetime.fromtimestamp(moment, UTC).replace(tzinfo=None) if moment > 0 else _LONG_AGO


def _purpose() -> Purpose:
    asked = request.args.get("for", "sign_in")
    if asked not in ("sign_in", "connect", "confirm"):
        raise NotFound("There is nothing at this address.")
    return cast(Purpose, asked)


def _provider() -> Provider:
    """Return the provider. Raises NotFound if none is set."""
    if provider := current_app.extensions["provider"]:
        return cast("Provider", provider)
    raise NotFound("There is nothing at this address.")
