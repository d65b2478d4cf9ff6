"""Which bearer tokens a service accepts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from flask import Response, jsonify

from tests.tool_services.support.hostile import nested_token
from tests.tool_services.support.issuer import Issuer, new_key
from tests.tool_services.support.services import Service, running_issuer
from tool_services.framework.errors import (
    InsufficientScopeError,
    InvalidTokenError,
    KeysUnavailableError,
    MissingTokenError,
    ServiceError,
)
from tool_services.framework.scopes import CALL_SCOPE
from tool_services.framework.settings import ServiceSettings
from tool_services.framework.tokens import Caller, TokenVerifier

SERVICE = "http://service.test"
OTHER = "http://other.test"


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with running_issuer() as running:
        yield running


@pytest.fixture
def verifier(issuer: Issuer) -> TokenVerifier:
    settings = ServiceSettings.model_validate({"app_url": issuer.url, "tool_timeout": 10})
    return TokenVerifier.for_service(settings, SERVICE)


def verify(verifier: TokenVerifier, token: str) -> Caller:
    return verifier.verify(f"Bearer {token}", CALL_SCOPE)


def challenge(error: ServiceError) -> str:
    """WWW-Authenticate without its last part, the pointer to who issues tokens."""
    start, pointer, _url = error.headers["WWW-Authenticate"].partition("resource_metadata=")
    assert pointer
    return start.rstrip(", ")


def assert_refused(verifier: TokenVerifier, token: str, reason: str) -> None:
    with pytest.raises(InvalidTokenError) as refused:
        verify(verifier, token)
    assert refused.value.message == reason
    expected = f'Bearer error="invalid_token", error_description="{reason}"'
    assert challenge(refused.value) == expected


def test_a_token_for_this_service_names_its_user(issuer: Issuer, verifier: TokenVerifier) -> None:
    token = issuer.token(SERVICE, "bob")
    caller = verifier.verify(f"bearer {token}", CALL_SCOPE)
    assert (caller.user_id, caller.token) == ("bob", token)
    assert caller.scopes == {"tools:call", "outbox:read"}


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer   ", "Basic YTpi", "token"])
def test_a_request_without_a_token_gets_a_challenge_without_an_error(
    verifier: TokenVerifier, header: str | None
) -> None:
    with pytest.raises(MissingTokenError) as refused:
        verifier.verify(header, CALL_SCOPE)
    assert challenge(refused.value) == "Bearer"


@pytest.mark.parametrize(
    ("secret", "algorithm"),
    [("a session secret of more than 32 bytes", "HS256"), ("p" * 64, "HS512"), ("", "none")],
)
def test_a_token_that_is_not_signed_with_the_issuers_kind_of_key_is_refused(
    issuer: Issuer, verifier: TokenVerifier, secret: str, algorithm: str
) -> None:
    header = {"kid": issuer.key_id}
    token = jwt.encode(issuer.claims(SERVICE), secret, algorithm=algorithm, headers=header)
    assert_refused(verifier, token, "The token is not signed with ES256.")


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"aud": OTHER}, "The token is meant for another service."),
        ({"aud": [SERVICE, OTHER]}, "The token is meant for another service."),
        ({"iss": OTHER}, "The token comes from an unknown issuer."),
        ({"sub": ""}, "The token names no user."),
        ({"iat": -400, "exp": -100}, "The token has expired."),
        ({"iat": 60, "exp": 120}, "The token is not valid."),
        ({"iat": 0, "exp": 301}, "The token is valid for more than 300 seconds."),
    ],
)
def test_a_token_with_wrong_claims_is_refused_with_the_reason(
    issuer: Issuer, verifier: TokenVerifier, claims: dict[str, Any], reason: str
) -> None:
    now = int(time.time())
    changed = {
        name: now + value if name in ("iat", "exp") else value for name, value in claims.items()
    }
    assert_refused(verifier, issuer.token(SERVICE, **changed), reason)


def test_clocks_may_differ_by_a_few_seconds(issuer: Issuer, verifier: TokenVerifier) -> None:
    now = int(time.time())
    verify(verifier, issuer.token(SERVICE, iat=now - 60, exp=now - 2))
    verify(verifier, issuer.token(SERVICE, iat=now + 3, exp=now + 60))


def test_a_token_signed_with_another_key_is_refused(
    issuer: Issuer, verifier: TokenVerifier
) -> None:
    header = {"kid": issuer.key_id}
    token = jwt.encode(issuer.claims(SERVICE), new_key(), algorithm="ES256", headers=header)
    assert_refused(verifier, token, "The token's signature is wrong.")


@pytest.mark.parametrize("key_id", ["other", ""])
def test_a_token_with_an_unknown_key_id_is_refused(
    issuer: Issuer, verifier: TokenVerifier, key_id: str
) -> None:
    token = issuer.sign(issuer.claims(SERVICE), kid=key_id)
    assert_refused(verifier, token, "The token is signed with an unknown key.")


@pytest.mark.parametrize("claim", ["exp", "iat", "aud", "iss", "sub", "jti"])
def test_every_claim_is_required(issuer: Issuer, verifier: TokenVerifier, claim: str) -> None:
    without: Any = {claim: None}
    with pytest.raises(InvalidTokenError):
        verify(verifier, issuer.token(SERVICE, **without))


@pytest.mark.parametrize(
    "garbage",
    ["x", "a.b.c", "..", "e30.e30.", "é.é.é", "a b", "A" * 3000, nested_token(SERVICE)],
    ids=range(8),
)
def test_garbage_in_place_of_a_token_is_refused(verifier: TokenVerifier, garbage: str) -> None:
    with pytest.raises(InvalidTokenError):
        verify(verifier, garbage.encode().decode("latin-1"))


@pytest.mark.parametrize("scope", [None, "", "outbox:read", "tools:calls", "xtools:call"])
def test_a_token_without_the_scope_is_refused(
    issuer: Issuer, verifier: TokenVerifier, scope: str | None
) -> None:
    with pytest.raises(InsufficientScopeError) as refused:
        verify(verifier, issuer.token(SERVICE, scope=scope))
    assert challenge(refused.value) == 'Bearer error="insufficient_scope", scope="tools:call"'


def test_keys_are_fetched_once_and_kept(issuer: Issuer, verifier: TokenVerifier) -> None:
    for _ in range(5):
        verify(verifier, issuer.token(SERVICE))
    assert issuer.jwks_requests == 1


def test_unknown_keys_cannot_make_the_service_flood_the_issuer(
    issuer: Issuer, verifier: TokenVerifier
) -> None:
    for number in range(10):
        with pytest.raises(InvalidTokenError):
            verify(verifier, issuer.sign(issuer.claims(SERVICE), kid=f"unknown-{number}"))
    assert issuer.jwks_requests <= 2


@pytest.fixture
def rotated(issuer: Issuer, verifier: TokenVerifier) -> Issuer:
    """The issuer, with another key than the one that the verifier knows."""
    verifier.keys.cooldown_duration = 0
    verify(verifier, issuer.token(SERVICE))
    issuer.rotate()
    return issuer


def test_a_new_signing_key_is_found(rotated: Issuer, verifier: TokenVerifier) -> None:
    assert verify(verifier, rotated.token(SERVICE)).user_id == "alice"


def server_error() -> Response:
    return Response("down", status=500)


TROUBLES = [
    server_error,
    lambda: Response("<html>", mimetype="text/html"),
    lambda: Response("[" * 100_000, mimetype="application/json"),
    lambda: jsonify(keys=[]),
    lambda: jsonify([1]),
]


@pytest.mark.parametrize("trouble", TROUBLES)
def test_an_issuer_without_keys_is_not_the_callers_fault(
    issuer: Issuer, verifier: TokenVerifier, trouble: Any
) -> None:
    issuer.answer_jwks = trouble
    with pytest.raises(KeysUnavailableError):
        verify(verifier, issuer.token(SERVICE))
    issuer.answer_jwks = None
    verify(verifier, issuer.token(SERVICE))


def test_an_issuer_that_fails_while_a_new_key_is_sought_is_not_the_callers_fault(
    rotated: Issuer, verifier: TokenVerifier
) -> None:
    rotated.answer_jwks = server_error
    with pytest.raises(KeysUnavailableError):
        verify(verifier, rotated.token(SERVICE))


def test_a_service_says_when_to_try_again_while_the_keys_are_away(notes: Service) -> None:
    notes.issuer.answer_jwks = server_error
    answer = notes.call("findNotes", {})
    assert (answer.status, answer.code) == (503, "keys_unavailable")
    assert int(answer.headers["Retry-After"]) > 0


def test_a_caller_in_a_log_does_not_show_the_token() -> None:
    caller = Caller(user_id="alice", token="secret-token", jti="1", scopes=frozenset())
    assert "secret-token" not in repr(caller)
