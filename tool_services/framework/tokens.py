"""Check the bearer token that the app issues for one service and one user."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

import jwt
from jwt import PyJWK, PyJWKClient
from jwt.exceptions import (
    ExpiredSignatureError,
    InvalidAlgorithmError,
    InvalidAudienceError,
    InvalidIssuerError,
    InvalidSignatureError,
    MissingRequiredClaimError,
    PyJWKClientConnectionError,
    PyJWKClientError,
    PyJWTError,
)

from tool_services.framework.errors import (
    InsufficientScopeError,
    InvalidTokenError,
    KeysUnavailableError,
    MissingTokenError,
    OtherCallError,
    ServiceError,
)
from tool_services.framework.scopes import CALL_SCOPE
from tool_services.framework.settings import ServiceSettings

ALGORITHM = "ES256"
# All that tokens for calls carried before tools had scopes of their own. They last for minutes, in
# which the version before may still run beside this one.
_BEFORE_TOOL_SCOPES = frozenset({CALL_SCOPE})
METADATA_PATH = "/.well-known/oauth-protected-resource"
REQUIRED_CLAIMS = ["exp", "iat", "aud", "iss", "sub", "jti"]
LEEWAY_SECONDS = 5
MAX_LIFETIME_SECONDS = 300
# An unknown key id makes the service fetch the keys again, but not more often than this.
REFETCH_PAUSE_SECONDS = 2.0
# The share of a tool call's time that fetching the keys may take.
KEYS_TIMEOUT_SHARE = 0.2

# PyJWKClient lets these through if the issuer answers with something else than JSON.
_UNREADABLE = (ValueError, RecursionError)

Refusal = TypeVar("Refusal", bound=ServiceError)

_REASONS: dict[type[PyJWTError], str] = {
    ExpiredSignatureError: "The token has expired.",
    InvalidAudienceError: "The token is meant for another service.",
    InvalidIssuerError: "The token comes from an unknown issuer.",
    InvalidAlgorithmError: f"The token is not signed with {ALGORITHM}.",
    InvalidSignatureError: "The token's signature is wrong.",
    MissingRequiredClaimError: f"The token must contain {', '.join(REQUIRED_CLAIMS)}.",
}


@dataclass(frozen=True)
class Caller:
    """The user on whose behalf a call is made, and the call's idempotency key if it has one.

    `args` is the digest of the arguments that the token is for, and `call` the key of the call.
    `email_verified` says whether the user has confirmed their e-mail address.
    """

    user_id: str
    token: str = field(repr=False)
    jti: str
    scopes: frozenset[str]
    idempotency_key: str | None = None
    args: str | None = None
    call: str | None = None
    email_verified: bool = False


@dataclass(frozen=True)
class TokenVerifier:
    """Verifies tokens of one issuer for one audience, with the issuer's public keys (JWKS)."""

    issuer: str
    audience: str
    keys: PyJWKClient

    @classmethod
    def for_service(cls, settings: ServiceSettings, audience: str) -> Self:
        """Return a verifier that fetches the app's keys when it first needs them."""
        keys = PyJWKClient(
            settings.jwks_url,
            timeout=settings.tool_timeout * KEYS_TIMEOUT_SHARE,
            cooldown_duration=REFETCH_PAUSE_SECONDS,
        )
        return cls(settings.app_url, audience, keys)

    def verify(self, authorization: str | None, *scopes: str) -> Caller:
        """Return the caller that an Authorization header identifies.

        The token must grant at least one of the scopes.
        Raises MissingTokenError, InvalidTokenError, InsufficientScopeError or KeysUnavailableError.
        """
        try:
            token = _bearer_token(authorization)
            claims = self._claims(token)
        except (MissingTokenError, InvalidTokenError) as error:
            raise self._with_metadata(error) from error.__cause__
        granted = frozenset(str(claims.get("scope", "")).split())
        caller = Caller(
            *(claims["sub"], token, claims["jti"], granted),
            args=claims.get("args"),
            call=claims.get("call"),
            email_verified=claims.get("email_verified") is True,
        )
        self.require_scope(caller, *scopes)
        return caller

    def require_scope(self, caller: Caller, *scopes: str) -> None:
        """Raise InsufficientScopeError unless the token grants one of the scopes."""
        if caller.scopes.isdisjoint(scopes):
            raise self._with_metadata(InsufficientScopeError(scopes[0]))

    def require_tool_scope(self, caller: Caller, scope: str, *, read_only: bool = True) -> None:
        """Raise InsufficientScopeError unless the token grants the scope of a tool or its data."""
        self.require_scope(caller, CALL_SCOPE)
        if not (read_only and caller.scopes == _BEFORE_TOOL_SCOPES):
            self.require_scope(caller, scope)

    def other_call(self) -> OtherCallError:
        """Return the error for a token that is for another call."""
        return self._with_metadata(OtherCallError())

    def _with_metadata(self, error: Refusal) -> Refusal:
        """Add to the challenge where to learn who issues tokens (RFC 9728)."""
        challenge = error.headers["WWW-Authenticate"]
        separator = ", " if "=" in challenge else " "
        pointer = f'{separator}resource_metadata="{self.audience}{METADATA_PATH}"'
        error.headers["WWW-Authenticate"] = challenge + pointer
        return error

    def _claims(self, token: str) -> dict[str, Any]:
        try:
            claims = self._verified_claims(token)
        except PyJWTError as error:
            raise InvalidTokenError(_REASONS.get(type(error), "The token is not valid.")) from error
        if int(claims["exp"]) - int(claims["iat"]) > MAX_LIFETIME_SECONDS:
            raise InvalidTokenError(
                f"The token is valid for more than {MAX_LIFETIME_SECONDS} seconds."
            )
        if not claims["sub"]:
            raise InvalidTokenError("The token names no user.")
        return claims

    def _verified_claims(self, token: str) -> dict[str, Any]:
        header = jwt.get_unverified_header(token)
        if header.get("alg") != ALGORITHM:
            raise InvalidAlgorithmError
        claims: dict[str, Any] = jwt.decode(
            token,
            self._signing_key(header.get("kid", "")),
            algorithms=[ALGORITHM],
            audience=self.audience,
            issuer=self.issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": REQUIRED_CLAIMS, "strict_aud": True},
        )
        return claims

    def _signing_key(self, key_id: str) -> PyJWK:
        try:
            self.keys.get_signing_keys()
        except (PyJWTError, *_UNREADABLE) as error:
            raise KeysUnavailableError from error
        try:
            return self.keys.get_signing_key(key_id)
        except (PyJWKClientConnectionError, *_UNREADABLE) as error:
            raise KeysUnavailableError from error
        except PyJWKClientError as error:
            raise InvalidTokenError("The token is signed with an unknown key.") from error


def _bearer_token(authorization: str | None) -> str:
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise MissingTokenError
    return token.strip()
