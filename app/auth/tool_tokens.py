"""The app as token issuer: its public keys, and short-lived tokens for the tool services.

A token names one person and one service (RFC 7519 `sub` and `aud`). A service that needs another
exchanges the token it was given (RFC 8693), where TOOL_EXCHANGES allows it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from flask import Blueprint, current_app, jsonify, request
from flask.typing import ResponseReturnValue
from jwt.algorithms import ECAlgorithm

from app.auth import sessions as auth
from app.db.models import new_id

ALGORITHM = "ES256"
LIFETIME = 300
GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a type's name
EXCHANGED_SCOPE = "tools:call"

bp = Blueprint("tokens", __name__)


class ExchangeError(Exception):
    """`code` is one of RFC 6749's and 8693's error codes."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class TokenIssuer:
    """Signs with the private key in `key_file`; `services` are names and URLs of who may be
    addressed, `exchanges` says which service may act at which other."""

    def __init__(
        self,
        key_file: Path,
        issuer: str,
        services: Mapping[str, str],
        exchanges: Mapping[str, str],
    ) -> None:
        key = load_pem_private_key(key_file.read_bytes(), password=None)
        if not isinstance(key, EllipticCurvePrivateKey):
            raise ValueError(f"{key_file} holds no elliptic-curve key.")
        self._key, self._public_key = key, key.public_key()
        public = json.loads(ECAlgorithm.to_jwk(self._public_key))
        self._kid = _thumbprint(public)
        self.jwks = {"keys": [public | {"kid": self._kid, "use": "sig", "alg": ALGORITHM}]}
        self._issuer = issuer
        self._services = dict(services)
        self._exchanges = dict(exchanges)

    def mint(
        self, user_id: str, audience: str, scope: str, *, lifetime: int = LIFETIME, **claims: Any
    ) -> str:
        """A token for one person at one service, good for at most five minutes."""
        now = int(time.time())
        payload = {
            "iss": self._issuer,
            "sub": user_id,
            "aud": audience,
            "scope": scope,
            "iat": now,
            "exp": now + min(lifetime, LIFETIME),
            "jti": new_id(),
        }
        return jwt.encode(payload | claims, self._key, ALGORITHM, headers={"kid": self._kid})

    def exchange(self, subject_token: str, audience: str) -> tuple[str, int]:
        """A token for the same person at `audience`, no longer good than the one shown, and its
        lifetime in seconds. Raises ExchangeError."""
        claims = self._verified(subject_token)
        names = {url: name for name, url in self._services.items()}
        actor = names[claims["aud"]]
        target = names.get(audience.rstrip("/"))
        if target is None or self._exchanges.get(actor) != target:
            raise ExchangeError("invalid_target", f"{actor} may not act at {audience!r}.")
        lifetime = min(claims["exp"] - int(time.time()), LIFETIME)
        token = self.mint(
            claims["sub"],
            self._services[target],
            EXCHANGED_SCOPE,
            lifetime=lifetime,
            act={"sub": actor},
        )
        return token, lifetime

    def for_person(self, user_id: str, audience: str) -> tuple[str, int]:
        """A token with which a person's own program may call the service at `audience`, and its
        lifetime in seconds. Raises ExchangeError."""
        if audience.rstrip("/") not in self._services.values():
            raise ExchangeError("invalid_target", f"There is no service at {audience!r}.")
        return self.mint(user_id, audience.rstrip("/"), EXCHANGED_SCOPE), LIFETIME

    def _verified(self, token: str) -> dict[str, Any]:
        try:
            return jwt.decode(
                token,
                self._public_key,
                algorithms=[ALGORITHM],
                issuer=self._issuer,
                audience=list(self._services.values()),
                options={"require": ["exp", "aud", "iss", "sub", "jti"]},
            )
        except jwt.InvalidTokenError as error:
            raise ExchangeError(
                "invalid_grant", f"The subject token is refused: {error}."
            ) from None


def _thumbprint(public: dict[str, Any]) -> str:
    """RFC 7638: the same key has the same id on every machine."""
    members = json.dumps(
        {name: public[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":")
    )
    digest = hashlib.sha256(members.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


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
        person = auth.bearer(subject)
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
