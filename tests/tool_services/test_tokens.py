from __future__ import annotations

import time
from typing import Any

import jwt
import pytest
from flask import Response, jsonify

from tests.tool_services.conftest import Answer, World
from tests.tool_services.support.issuer import new_key
from tool_services.framework import tokens
from tool_services.framework.errors import KeysUnavailableError

FIND = {"name": "findListings", "arguments": {}}


def challenge(answer: Answer) -> str:
    """What WWW-Authenticate says, but for the pointer to who gives tokens, which is always last."""
    said, pointer, _url = answer.challenge.partition("resource_metadata=")
    assert pointer
    return said.rstrip(", ")


def ask(world: World, token: str | None, **headers: str) -> Answer:
    return world.listings.request("POST", "/tools/call", token, json=FIND, headers=headers)


def assert_refused(answer: Answer, reason: str) -> None:
    assert answer.status == 401
    assert answer.code == "invalid_token"
    assert challenge(answer) == f'Bearer error="invalid_token", error_description="{reason}"'
    assert answer.message == reason


def test_a_token_for_this_service_is_accepted(world: World) -> None:
    assert ask(world, world.issuer.token(world.listings.url)).status == 200


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer   ", "Basic YTpi", "token"])
def test_a_call_without_a_token_gets_a_challenge_without_an_error(
    world: World, header: str | None
) -> None:
    answer = ask(world, None, **({} if header is None else {"Authorization": header}))
    assert (answer.status, answer.code, challenge(answer)) == (401, "missing_token", "Bearer")


def test_the_word_bearer_is_read_in_any_case(world: World) -> None:
    token = world.issuer.token(world.listings.url)
    assert ask(world, None, Authorization=f"bearer {token}").status == 200


def test_a_token_for_one_service_is_refused_by_the_other(world: World) -> None:
    for_analytics = world.issuer.token(world.analytics.url)
    for_listings = world.issuer.token(world.listings.url)
    assert_refused(ask(world, for_analytics), "The token is meant for another service.")
    answer = world.analytics.call("getMarketAnalysis", {"area": "Portland"}, token=for_listings)
    assert_refused(answer, "The token is meant for another service.")


def test_a_token_for_two_services_at_once_is_refused(world: World) -> None:
    both = world.issuer.claims(world.listings.url) | {
        "aud": [world.listings.url, world.analytics.url]
    }
    assert_refused(ask(world, world.issuer.sign(both)), "The token is meant for another service.")


def test_the_apps_own_session_token_is_refused(world: World) -> None:
    claims = world.issuer.claims(world.listings.url) | {"type": "access", "fresh": False}
    session = jwt.encode(claims, "a session secret of more than 32 bytes", algorithm="HS256")
    assert_refused(ask(world, session), "The token is not signed with ES256.")


def test_a_token_signed_with_the_public_key_as_a_secret_is_refused(world: World) -> None:
    claims = world.issuer.claims(world.listings.url)
    header = {"kid": world.issuer.key_id}
    forged = jwt.encode(claims, "p" * 64, algorithm="HS512", headers=header)
    assert_refused(ask(world, forged), "The token is not signed with ES256.")


def test_an_unsigned_token_is_refused(world: World) -> None:
    unsigned = jwt.encode(world.issuer.claims(world.listings.url), "", algorithm="none")
    assert_refused(ask(world, unsigned), "The token is not signed with ES256.")


def test_an_expired_token_is_refused(world: World) -> None:
    now = int(time.time())
    old = world.issuer.token(world.listings.url, iat=now - 400, exp=now - 100)
    assert_refused(ask(world, old), "The token has expired.")


def test_clocks_may_differ_by_a_few_seconds(world: World) -> None:
    now = int(time.time())
    just_over = world.issuer.token(world.listings.url, iat=now - 60, exp=now - 2)
    just_ahead = world.issuer.token(world.listings.url, iat=now + 3, exp=now + 60)
    assert ask(world, just_over).status == 200
    assert ask(world, just_ahead).status == 200


def test_a_token_from_the_future_is_refused(world: World) -> None:
    now = int(time.time())
    token = world.issuer.token(world.listings.url, iat=now + 60, exp=now + 120)
    assert_refused(ask(world, token), "The token is not valid.")


def test_a_token_that_lives_longer_than_five_minutes_is_refused(world: World) -> None:
    now = int(time.time())
    long_lived = world.issuer.token(world.listings.url, iat=now, exp=now + 301)
    assert_refused(ask(world, long_lived), "The token lives longer than 300 seconds.")


def test_a_token_of_another_issuer_is_refused(world: World) -> None:
    token = world.issuer.token(world.listings.url, iss="http://127.0.0.1:1")
    assert_refused(ask(world, token), "The token comes from an unknown issuer.")


def test_a_wrong_signature_is_refused(world: World) -> None:
    claims = world.issuer.claims(world.listings.url)
    header = {"kid": world.issuer.key_id}
    forged = jwt.encode(claims, new_key(), algorithm="ES256", headers=header)
    assert_refused(ask(world, forged), "The token's signature is wrong.")


@pytest.mark.parametrize("header", [{"kid": "other"}, {"kid": ""}])
def test_an_unknown_key_is_refused(world: World, header: dict[str, str]) -> None:
    token = world.issuer.sign(world.issuer.claims(world.listings.url), **header)
    assert_refused(ask(world, token), "The token is signed with an unknown key.")


@pytest.mark.parametrize("claim", ["exp", "iat", "aud", "iss", "sub", "jti"])
def test_every_claim_is_required(world: World, claim: str) -> None:
    claims = world.issuer.claims(world.listings.url)
    del claims[claim]
    answer = ask(world, world.issuer.sign(claims))
    assert (answer.status, answer.code) == (401, "invalid_token")


def test_a_token_that_names_no_user_is_refused(world: World) -> None:
    token = world.issuer.token(world.listings.url, user="")
    assert_refused(ask(world, token), "The token names no user.")


@pytest.mark.parametrize("garbage", ["x", "a.b.c", "..", "e30.e30.", "é.é.é", "a b", "A" * 3000])
def test_garbage_in_place_of_a_token_is_refused(world: World, garbage: str) -> None:
    answer = ask(world, None, Authorization=f"Bearer {garbage}".encode().decode("latin-1"))
    assert (answer.status, answer.code) == (401, "invalid_token")


@pytest.mark.parametrize("scope", [None, "", "outbox:read", "tools:calls", "xtools:call"])
def test_a_token_without_the_scope_may_not_call(world: World, scope: str | None) -> None:
    answer = ask(world, world.issuer.token(world.listings.url, scope=scope))
    assert (answer.status, answer.code) == (403, "insufficient_scope")
    assert challenge(answer) == 'Bearer error="insufficient_scope", scope="tools:call"'


def test_keys_are_fetched_once_and_kept(world: World) -> None:
    for _ in range(5):
        ask(world, world.issuer.token(world.listings.url))
    assert world.issuer.jwks_requests == 1


def test_a_new_signing_key_is_found(world: World) -> None:
    settings = world.settings
    verifier = tokens.TokenVerifier.for_service(settings, world.listings.url)
    verifier.keys.cooldown_duration = 0
    verifier.caller(f"Bearer {world.issuer.token(world.listings.url)}", "tools:call")
    world.issuer.rotate()
    token = world.issuer.token(world.listings.url)
    assert verifier.caller(f"Bearer {token}", "tools:call").user_id == "alice"


def test_unknown_keys_cannot_make_the_service_flood_the_issuer(world: World) -> None:
    for number in range(10):
        claims = world.issuer.claims(world.listings.url)
        ask(world, world.issuer.sign(claims, kid=f"unknown-{number}"))
    assert world.issuer.jwks_requests <= 2


def server_error() -> Response:
    return Response("down", status=500)


def no_json() -> Response:
    return Response("<html>", mimetype="text/html")


def no_keys() -> Response:
    return jsonify(keys=[])


def no_object() -> Response:
    return jsonify([1])


@pytest.mark.parametrize("trouble", [server_error, no_json, no_keys, no_object])
def test_an_issuer_without_keys_is_not_the_callers_fault(world: World, trouble: Any) -> None:
    world.issuer.answer_jwks = trouble
    answer = ask(world, world.issuer.token(world.listings.url))
    assert (answer.status, answer.code) == (503, "keys_unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    world.issuer.answer_jwks = None
    assert ask(world, world.issuer.token(world.listings.url)).status == 200


def test_an_issuer_that_fails_while_a_new_key_is_sought_is_not_the_callers_fault(
    world: World,
) -> None:
    verifier = tokens.TokenVerifier.for_service(world.settings, world.listings.url)
    verifier.keys.cooldown_duration = 0
    verifier.caller(f"Bearer {world.issuer.token(world.listings.url)}", "tools:call")
    world.issuer.rotate()
    world.issuer.answer_jwks = server_error
    with pytest.raises(KeysUnavailableError):
        verifier.caller(f"Bearer {world.issuer.token(world.listings.url)}", "tools:call")


def test_a_caller_in_a_log_does_not_show_the_token() -> None:
    caller = tokens.Caller(user_id="alice", token="secret-token", jti="1", scopes=frozenset())
    assert "secret-token" not in repr(caller)
