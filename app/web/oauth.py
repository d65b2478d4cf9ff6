"""Where tool services find the app's public keys, and where tokens are exchanged."""

from __future__ import annotations

from flask import Blueprint, current_app, jsonify, request
from flask.typing import ResponseReturnValue

from app.auth import sessions
from app.auth.tool_tokens import EXCHANGED_SCOPE, ExchangeError, TokenIssuer

GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"


ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a type's name


bp = Blueprint("tokens", __name__)


def _issuer() -> TokenIssuer:
    issuer: TokenIssuer = current_app.extensions["services"].issuer
    return issuer


@bp.get("/.well-known/jwks.json")
def jwks() -> ResponseReturnValue:
    return jsonify(_issuer().jwks)


@bp.get("/.well-known/oauth-authorization-server")
def metadata() -> ResponseReturnValue:
    """RFC 8414: where the tool services' metadata sends a client that needs a token."""
    issuer = current_app.extensions["services"].settings.app_url
    return jsonify(
        issuer=issuer,
        token_endpoint=f"{issuer}/oauth/token",
        jwks_uri=f"{issuer}/.well-known/jwks.json",
        grant_types_supported=[GRANT],
        response_types_supported=[],
        token_endpoint_auth_methods_supported=["none"],
        scopes_supported=[EXCHANGED_SCOPE],
    )


@bp.post("/oauth/token")
def token() -> ResponseReturnValue:
    """RFC 8693 token exchange: for a tool service that needs another, and for a person's own
    program, which shows the access token that it signed in with."""
    try:
        if request.form.get("grant_type") != GRANT:
            raise ExchangeError("unsupported_grant_type", f"The grant_type must be {GRANT}.")
        if not request.form.get("subject_token") or not request.form.get("audience"):
            raise ExchangeError("invalid_request", "Send a subject_token and an audience.")
        subject, audience = request.form["subject_token"], request.form["audience"]
        person = sessions.bearer(subject)
        if person is not None:
            exchanged, lifetime = _issuer().for_person(person, audience)
        else:
            exchanged, lifetime = _issuer().exchange(subject, audience)
    except ExchangeError as refusal:
        return jsonify(error=refusal.code, error_description=refusal.message), 400
    answer = {
        "access_token": exchanged,
        "issued_token_type": ACCESS_TOKEN,
        "token_type": "Bearer",
        "expires_in": lifetime,
        "scope": EXCHANGED_SCOPE,
    }
    return jsonify(answer), 200, {"Cache-Control": "no-store"}
