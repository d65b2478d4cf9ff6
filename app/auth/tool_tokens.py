"""The app as token issuer: its public keys, and short-lived tokens for the tool services.

A token names one person and one service (RFC 7519 `sub` and `aud`). A service that needs another
exchanges the token it was given (RFC 8693), where TOOL_EXCHANGES allows it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt

from app.auth.signing_keys import TOKEN_SECONDS, SigningKeys
from app.db.models import new_id
from tool_services.framework.public_keys import ALGORITHM
from tool_services.framework.scopes import CALL_SCOPE, may_only_read

LIFETIME = TOKEN_SECONDS


@dataclass(frozen=True)
class Grant:
    """A token that was asked for: its lifetime in seconds, and its scopes."""

    token: str
    lifetime: int
    scope: str


class ExchangeError(Exception):
    """`code` is one of RFC 6749's and 8693's error codes, `status` that of the response."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


class TokenIssuer:
    """Signs tokens with the private key in `key_file`, or one that has followed it.

    `services` are the names and URLs of the services that tokens can be for. `exchanges` says at
    which others a service may act, as names with commas between.
    """

    def __init__(
        self,
        key_file: Path,
        issuer: str,
        services: Mapping[str, str],
        exchanges: Mapping[str, str],
    ) -> None:
        self._keys = SigningKeys(key_file)
        self._issuer = issuer
        self._services = dict(services)
        self._exchanges = dict(exchanges)

    @property
    def jwks(self) -> dict[str, Any]:
        """The public keys of all tokens that haven't expired, and of those to come."""
        return {"keys": [key.public for key in self._keys.published()]}

    def mint(
        self, user_id: str, audience: str, scope: str, *, lifetime: int = LIFETIME, **claims: Any
    ) -> str:
        """Sign a token for one person at one service, good for at most five minutes."""
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
        key = self._keys.current()
        return jwt.encode(payload | claims, key.private, ALGORITHM, headers={"kid": key.id})

    def exchange(
        self,
        subject_token: str,
        audience: str,
        authenticate: Callable[[], str],
        wanted: str | None = None,
    ) -> Grant:
        """Return a token for the same person at `audience`.

        `authenticate` returns the URL of the service that asks, which has to be the one that the
        subject token is for. The new token lasts no longer than that one and grants what it
        grants, of that only what reads, and of that only the scopes in `wanted` if they are given.
        Raises ExchangeError.
        """
        claims = self._verified(subject_token)
        if claims["aud"] != authenticate():
            raise ExchangeError("invalid_grant", "The subject token is another service's.")
        names = {url: name for name, url in self._services.items()}
        actor = names[claims["aud"]]
        target = names.get(audience.rstrip("/"))
        if target is None or target not in self._exchanges.get(actor, "").split(","):
            raise ExchangeError("invalid_target", f"{actor} may not act at {audience!r}.")
        scope = _narrow(str(claims.get("scope", "")), wanted)
        lifetime = min(claims["exp"] - int(time.time()), LIFETIME)
        token = self.mint(
            *(claims["sub"], self._services[target], scope), lifetime=lifetime, act={"sub": actor}
        )
        return Grant(token, lifetime, scope)

    def for_person(
        self, user_id: str, audience: str, scopes: Collection[str], wanted: str | None = None
    ) -> Grant:
        """Return a token for a person's own program at `audience`.

        `scopes` are those of the service's tools that only read. Raises ExchangeError.
        """
        if audience.rstrip("/") not in self._services.values():
            raise ExchangeError("invalid_target", f"There is no service at {audience!r}.")
        scope = _narrow(" ".join((CALL_SCOPE, *scopes)), wanted)
        return Grant(self.mint(user_id, audience.rstrip("/"), scope), LIFETIME, scope)

    def _verified(self, token: str) -> dict[str, Any]:
        try:
            return jwt.decode(
                token,
                self._public_key(token),
                algorithms=[ALGORITHM],
                issuer=self._issuer,
                audience=list(self._services.values()),
                options={"require": ["exp", "aud", "iss", "sub", "jti"]},
            )
        except jwt.InvalidTokenError as error:
            raise ExchangeError(
                "invalid_grant", f"The subject token is refused: {error}."
            ) from None

    def _public_key(self, token: str) -> jwt.PyJWK:
        """Return the key that the token names. Raises InvalidTokenError."""
        named = jwt.get_unverified_header(token).get("kid")
        for key in self._keys.published():
            if key.id == named:
                return jwt.PyJWK(key.public)
        raise jwt.InvalidTokenError("its key is unknown")


def _narrow(held: str, wanted: str | None) -> str:
    """Return the scopes to grant to one who holds some and wants some of them.

    Raises ExchangeError if nothing could be done with what is left.
    """
    holds = held.split()
    # Programs that were written before there were other scopes ask for tools:call.
    asked = holds if wanted in (None, CALL_SCOPE) else str(wanted).split()
    granted = [
        scope
        for scope in dict.fromkeys(holds)
        if scope in asked and (scope == CALL_SCOPE or may_only_read(scope))
    ]
    # A token with tools:call alone counts as one of the version before, which reads everything.
    if CALL_SCOPE not in granted or (granted == [CALL_SCOPE] and holds != [CALL_SCOPE]):
        raise ExchangeError(
            "invalid_scope", f"An exchange gives {CALL_SCOPE} with scopes to read that you have."
        )
    return " ".join(granted)
