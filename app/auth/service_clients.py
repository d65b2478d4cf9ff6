"""The tool services as clients of the app, each known by a key that it publishes at its own URL."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import jwt
from jwt import PyJWK, PyJWKClient
from jwt.exceptions import PyJWKClientConnectionError, PyJWTError

from app.auth.tool_tokens import ExchangeError
from tool_services.framework.public_keys import ALGORITHM, JWKS_PATH
from tool_services.framework.service_client import ASSERTION_SECONDS, ASSERTION_TYPE

LEEWAY_SECONDS = 5
# An unknown key id makes the app fetch a service's keys again, but not more often than this.
REFETCH_PAUSE_SECONDS = 2.0
KEYS_TIMEOUT_SECONDS = 2.0
_REQUIRED_CLAIMS = ["iss", "sub", "aud", "iat", "exp", "jti"]


class ServiceClients:
    """The services at `urls`, which authenticate themselves to the app at `issuer`."""

    def __init__(self, issuer: str, urls: Iterable[str]) -> None:
        self._issuer = issuer
        self._keys = {
            url: PyJWKClient(
                url + JWKS_PATH,
                timeout=KEYS_TIMEOUT_SECONDS,
                cooldown_duration=REFETCH_PAUSE_SECONDS,
            )
            for url in urls
        }

    def authenticate(self, assertion_type: str | None, assertion: str | None) -> str:
        """Return the URL of the service that an assertion proves to be asking (RFC 7523).

        Raises ExchangeError.
        """
        if assertion_type != ASSERTION_TYPE or not assertion:
            raise _refusal(f"a service sends a client_assertion of the type {ASSERTION_TYPE}")
        try:
            return self._verified(assertion)
        except PyJWKClientConnectionError:
            raise ExchangeError(
                "temporarily_unavailable", "The service's own keys can't be fetched.", 503
            ) from None
        except PyJWTError as error:
            raise _refusal(str(error)) from None
        except (ValueError, RecursionError):  # what is at its URL is no JSON
            raise _refusal("its own keys can't be read") from None

    def _verified(self, assertion: str) -> str:
        """Return the URL. Raises PyJWT's errors."""
        url = jwt.decode(assertion, options={"verify_signature": False}).get("iss")
        if url not in self._keys:
            raise _refusal("it is no service of TOOL_SERVICES")
        claims: dict[str, Any] = jwt.decode(
            assertion,
            self._key(url, assertion),
            algorithms=[ALGORITHM],
            audience=self._issuer,
            issuer=url,
            subject=url,
            leeway=LEEWAY_SECONDS,
            options={"require": _REQUIRED_CLAIMS, "strict_aud": True},
        )
        if int(claims["exp"]) - int(claims["iat"]) > ASSERTION_SECONDS:
            raise _refusal(f"its assertion lasts more than {ASSERTION_SECONDS} seconds")
        return str(url)

    def _key(self, url: str, assertion: str) -> PyJWK:
        key_id = jwt.get_unverified_header(assertion).get("kid", "")
        return self._keys[url].get_signing_key(key_id)


def _refusal(reason: str) -> ExchangeError:
    return ExchangeError("invalid_client", f"The client is not known: {reason}.", 401)
