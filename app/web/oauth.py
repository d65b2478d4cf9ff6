"""The app's public keys for tool services, and the exchange of tokens."""

from __future__ import annotations

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from app.auth import security_log, sessions
from app.auth.place import place_of_request
from app.auth.tool_tokens import ExchangeError, Grant
from app.lifecycle import services
from app.web.account_limits import count_token
from tool_services.framework.public_keys import ALGORITHM
from tool_services.framework.scopes import CALL_SCOPE

bp = Blueprint("oauth", __name__)

GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a type's name


@bp.get("/.well-known/jwks.json")
def jwks() -> ResponseReturnValue:
    return jsonify(services().issuer.jwks)


@bp.get("/.well-known/oauth-authorization-server")
def metadata() -> ResponseReturnValue:
    """Say where a client gets a token (RFC 8414). The tool services' metadata leads here."""
    issuer = services().settings.app_url
    return jsonify(
        issuer=issuer,
        token_endpoint=f"{issuer}/oauth/token",
        jwks_uri=f"{issuer}/.well-known/jwks.json",
        grant_types_supported=[GRANT],
        response_types_supported=[],
        token_endpoint_auth_methods_supported=["private_key_jwt", "none"],
        token_endpoint_auth_signing_alg_values_supported=[ALGORITHM],
        scopes_supported=[CALL_SCOPE, *services().registry.read_scopes()],
    )


@bp.post("/oauth/token")
def token() -> ResponseReturnValue:
    """Exchange a token for one that is good at another service (RFC 8693).

    The subject token is a tool service's, which then has to prove who it is, or a person's access
    token that their own program shows.
    """
    try:
        grant = _grant()
    except ExchangeError as refusal:
        return jsonify(error=refusal.code, error_description=refusal.message), refusal.status
    return jsonify(
        access_token=grant.token,
        issued_token_type=ACCESS_TOKEN,
        token_type="Bearer",  # noqa: S106 - a type's name
        expires_in=grant.lifetime,
        scope=grant.scope,
    )


def _grant() -> Grant:
    """Return what the request is granted. Raises ExchangeError."""
    subject, audience = request.form.get("subject_token"), request.form.get("audience")
    wanted = request.form.get("scope") or None
    if request.form.get("grant_type") != GRANT:
        raise ExchangeError("unsupported_grant_type", f"The grant_type must be {GRANT}.")
    if not subject or not audience:
        raise ExchangeError("invalid_request", "Send a subject_token and an audience.")
    person = sessions.bearer(subject)
    if person is not None:
        return _grant_for(person, audience, wanted)
    return services().issuer.exchange(subject, audience, _authenticate_service, wanted)


def _grant_for(person: str, audience: str, wanted: str | None) -> Grant:
    """Return what a person's own program is granted. Raises ExchangeError and TooMany."""
    count_token(person)
    scopes = services().registry.read_scopes(audience.rstrip("/"))
    grant = services().issuer.for_person(person, audience, scopes, wanted)
    security_log.note("token_exchanged", person, place_of_request(), audience)
    return grant


def _authenticate_service() -> str:
    """Return the URL of the service that asks. Raises ExchangeError."""
    fields = request.form.get("client_assertion_type"), request.form.get("client_assertion")
    return services().service_clients.authenticate(*fields)
