"""Who is calling: the check of the bearer token that the app mints for one service and user."""

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
    ServiceError,
)
from tool_services.framework.settings import Settings

ALGORITHM = "ES256"
CALL_SCOPE = "tools:call"
# Enough to see which tools there are.
LIST_SCOPE = "tools:list"
METADATA_PATH = "/.well-known/oauth-protected-resource"
REQUIRED_CLAIMS = ["exp", "iat", "aud", "iss", "sub", "jti"]
LEEWAY_SECONDS = 5
LONGEST_LIFE_SECONDS = 300
# Unknown key ids make a service ask the issuer again, yet not more often than this.
REFETCH_PAUSE_SECONDS = 2.0
# Fetching keys may take this much of the time that a whole tool call has.
KEYS_TIMEOUT_SHARE = 0.2

Refusal = TypeVar("Refusal", bound=ServiceError)

_REASONS: dict[type[PyJWTError], str] = {
    ExpiredSignatureError: "The token has expired.",
    InvalidAudienceError: "The token is meant for another service.",
    InvalidIssuerError: "The token comes from an unknown issuer.",
    InvalidAlgorithmError: f"The token is not signed with {ALGORITHM}.",
    InvalidSignatureError: "The token's signature is wrong.",
    MissingRequiredClaimError: f"The token must carry {', '.join(REQUIRED_CLAIMS)}.",
}


@dataclass(frozen=True)
class Caller:
    """The user on whose behalf one call is made, and that call's idempotency key if it has one."""

    user_id: str
    token: str = field(repr=False)
    jti: str
    scopes: frozenset[str]
    idempotency_key: str | None = None


@dataclass(frozen=True)
class TokenVerifier:
    """Accepts tokens of one issuer for one audience, checked against the issuer's JWKS."""

    issuer: str
    audience: str
    keys: PyJWKClient

    @classmethod
    def for_service(cls, settings: Settings, audience: str) -> Self:
        """A verifier that fetches the app's keys when they are first needed."""
        keys = PyJWKClient(
            settings.jwks_url,
            timeout=settings.tool_timeout * KEYS_TIMEOUT_SHARE,
            cooldown_duration=REFETCH_PAUSE_SECONDS,
        )
        return cls(settings.app_url, audience, keys)

    def caller(self, authorization: str | None, *scopes: str) -> Caller:
        """The caller whom an Authorization header proves, with at least one of the scopes.

        Raises MissingTokenError, InvalidTokenError, InsufficientScopeError or KeysUnavailableError.
        """
        try:
            token = _bearer_token(authorization)
            claims = self._claims(token)
        except (MissingTokenError, InvalidTokenError) as error:
            raise self._with_metadata(error) from error.__cause__
        granted = frozenset(str(claims.get("scope", "")).split())
        caller = Caller(claims["sub"], token, claims["jti"], granted)
        self.require(caller, *scopes)
        return caller

    def require(self, caller: Caller, *scopes: str) -> None:
        """Raise InsufficientScopeError unless the caller was granted one of them."""
        if caller.scopes.isdisjoint(scopes):
            raise self._with_metadata(InsufficientScopeError(scopes[0]))

    @property
    def metadata_url(self) -> str:
        """Where RFC 9728 says who gives tokens for this service."""
        return f"{self.audience}{METADATA_PATH}"

    def _with_metadata(self, error: Refusal) -> Refusal:
        challenge = error.headers["WWW-Authenticate"]
        separator = ", " if "=" in challenge else " "
        pointer = f'{separator}resource_metadata="{self.metadata_url}"'
        error.headers["WWW-Authenticate"] = challenge + pointer
        return error

    def _claims(self, token: str) -> dict[str, Any]:
        try:
            claims = self._verified(token)
        except PyJWTError as error:
            raise InvalidTokenError(_REASONS.get(type(error), "The token is not valid.")) from error
        if int(claims["exp"]) - int(claims["iat"]) > LONGEST_LIFE_SECONDS:
            raise InvalidTokenError(f"The token lives longer than {LONGEST_LIFE_SECONDS} seconds.")
        if not claims["sub"]:
            raise InvalidTokenError("The token names no user.")
        return claims

    def _verified(self, token: str) -> dict[str, Any]:
        header = jwt.get_unverified_header(token)
        if header.get("alg") != ALGORITHM:
            raise InvalidAlgorithmError
        claims: dict[str, Any] = jwt.decode(
            token,
            self._key(header.get("kid", "")),
            algorithms=[ALGORITHM],
            audience=self.audience,
            issuer=self.issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": REQUIRED_CLAIMS, "strict_aud": True},
        )
        return claims

    def _key(self, key_id: str) -> PyJWK:
        try:
            self.keys.get_signing_keys()
        except (PyJWTError, ValueError) as error:
            raise KeysUnavailableError from error
        try:
            return self.keys.get_signing_key(key_id)
        except PyJWKClientConnectionError as error:
            raise KeysUnavailableError from error
        except PyJWKClientError as error:
            raise InvalidTokenError("The token is signed with an unknown key.") from error


def _bearer_token(authorization: str | None) -> str:
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise MissingTokenError
    return token.strip()
