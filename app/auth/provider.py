"""The identity provider by which people may sign in, with OpenID Connect.

What it says decides who somebody is. So each of its answers is bounded and checked: where it comes
from, that it is for this app, for this sign-in and still good. Knows neither requests nor accounts.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from app.auth.claims import LEEWAY_SECONDS, Claims, ProviderFailed
from app.auth.provider_session import BoundedAdapter, limit_time

ALGORITHMS = ["RS256", "ES256"]
TIMEOUT_SECONDS = 10.0
_KNOWN_SECONDS = 3600.0
# A key that isn't known makes the app fetch the keys again, but not more often than this.
_REFETCH_SECONDS = 5.0
_LONGEST_ID = 255

Session = TypeVar("Session", bound=requests.Session)


@dataclass(frozen=True)
class _Known:
    """What the provider has published, and when it was fetched, by the monotonic clock."""

    endpoints: dict[str, Any]
    keys: KeySet
    fetched_at: float = field(default_factory=time.monotonic)


class Provider:
    """A provider by its issuer, and this app as its client. `callback` is the app's own URL.

    `timeout` is for how many seconds one answer is waited for.
    """

    def __init__(
        self,
        issuer: str,
        client_id: str,
        client_secret: str,
        scopes: str,
        callback: str,
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        self.issuer = issuer
        self._client_id = client_id
        self._client_secret = client_secret
        self._scopes = scopes
        self._callback = callback
        self._timeout = timeout
        self._last: _Known | None = None

    def authorization_url(self, state: str, nonce: str, verifier: str, *, again: bool) -> str:
        """Return where the person signs in; `again` asks for more than an open session.

        Raises ProviderFailed.
        """
        asked = {"prompt": "login", "max_age": "0"} if again else {}
        with self._failures(), self._session(self._known().endpoints) as session:
            url, _ = session.create_authorization_url(
                self._known().endpoints["authorization_endpoint"],
                *(state, verifier),
                nonce=nonce,
                **asked,
            )
        return str(url)

    def redeem(self, code: str, verifier: str, nonce: str) -> Claims:
        """Exchange the code of a sign-in for what the provider says. Raises ProviderFailed."""
        with self._failures(), limit_time(self._timeout):
            known = self._known()
            with self._session(known.endpoints) as session:
                tokens = session.fetch_token(
                    known.endpoints["token_endpoint"],
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=verifier,
                )
            return self._verified(tokens, nonce)

    def _session(self, endpoints: dict[str, Any]) -> OAuth2Session:
        methods = endpoints.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        basic = "client_secret_basic" in methods
        session = OAuth2Session(
            self._client_id,
            self._client_secret,
            "client_secret_basic" if basic else "client_secret_post",
            scope=self._scopes,
            redirect_uri=self._callback,
            code_challenge_method="S256",
        )
        return self._bounded(session)

    def _bounded(self, session: Session) -> Session:
        for scheme in ("http://", "https://"):
            session.mount(scheme, BoundedAdapter(self._timeout))
        return session

    def _known(self) -> _Known:
        """Return what the provider has published, an hour old at most."""
        if self._last is None or time.monotonic() - self._last.fetched_at > _KNOWN_SECONDS:
            self._last = self._fetch()
        return self._last

    def _fetch(self) -> _Known:
        with limit_time(self._timeout), self._bounded(requests.Session()) as session:
            url = f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"
            endpoints = _get(session, url)
            if endpoints.get("issuer") != self.issuer:
                raise ValueError("its configuration names another issuer")
            for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                self._check_scheme(endpoints[name])
            return _Known(endpoints, _usable_keys(_get(session, endpoints["jwks_uri"])))

    def _check_scheme(self, url: str) -> None:
        """Refuse to fall back to http, unless the provider is on this machine."""
        if urlsplit(url).scheme not in ("https", urlsplit(self.issuer).scheme):
            raise ValueError("it has an address without https")

    def _verified(self, tokens: dict[str, Any], nonce: str) -> Claims:
        decoded = self._decode(str(tokens["id_token"]))
        checked = CodeIDToken(
            decoded.claims,
            decoded.header,
            {"iss": {"value": self.issuer}, "aud": {"value": self._client_id}},
            {"nonce": nonce, "client_id": self._client_id, "access_token": _access(tokens)},
        )
        checked.validate(leeway=LEEWAY_SECONDS)
        return _claims(decoded.claims)

    def _decode(self, token: str) -> jwt.Token:
        known = self._known()
        try:
            return jwt.decode(token, known.keys, algorithms=ALGORITHMS)
        except (JoseError, ValueError):
            if time.monotonic() - known.fetched_at < _REFETCH_SECONDS:
                raise
        self._last = self._fetch()
        return jwt.decode(token, self._last.keys, algorithms=ALGORITHMS)

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        # What a hostile answer breaks while it is read is the answer's fault.
        except (
            *(requests.RequestException, AuthlibBaseError, JoseError),
            *(ValueError, KeyError, TypeError, AttributeError, RecursionError),
        ) as error:
            sentence = "The sign-in didn't work, since the provider's answer can't be used."
            detail = f"{type(error).__name__}: {error}"
            raise ProviderFailed(f"{sentence} Try again in a minute.", detail=detail) from None


def _get(session: requests.Session, url: str) -> dict[str, Any]:
    response = session.get(url)
    response.raise_for_status()
    published: dict[str, Any] = response.json()
    return published


def _usable_keys(published: dict[str, Any]) -> KeySet:
    """Return the keys that sign; others would be refused together with them."""
    signing = [
        key
        for key in published["keys"]
        if key.get("kty") in ("RSA", "EC") and key.get("use", "sig") == "sig"
    ]
    return KeySet.import_key_set({"keys": signing})


def _access(tokens: dict[str, Any]) -> str | None:
    token = tokens.get("access_token")
    return token if isinstance(token, str) else None


def _claims(said: dict[str, Any]) -> Claims:
    subject, email = said["sub"], said.get("email")
    if not isinstance(subject, str) or not 1 <= len(subject) <= _LONGEST_ID or "\0" in subject:
        raise ValueError("its id of the person can't be stored")
    is_checked = said.get("email_verified") is True and isinstance(email, str)
    moment = said.get("auth_time")
    return Claims(
        subject,
        str(email).strip().lower() if is_checked else None,
        str(said.get("name") or "").strip(),
        float(moment) if isinstance(moment, int | float) else None,
    )
