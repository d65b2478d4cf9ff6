from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent
import jwt
import pytest
from flask import Flask, Response, jsonify

from tests.tool_services.conftest import Answer, World
from tests.tool_services.support.issuer import EXCHANGE


def ask(world: World, user: str = "alice", token: str | None = None) -> Answer:
    arguments = {"listingIds": ["L001"]}
    return world.analytics.call("generatePerformanceReport", arguments, user=user, token=token)


def listings_answer(world: World, answer: Callable[[], Any]) -> None:
    app = Flask(__name__)
    app.add_url_rule("/listings", view_func=answer)
    world.listings.server.application = app


def assert_unavailable(answer: Answer, status: int = 502) -> None:
    assert (answer.status, answer.code) == (status, "upstream_unavailable")
    assert answer.message.startswith("The listings service ")
    assert answer.message.endswith("Try again later.")


def test_the_callers_token_is_exchanged_for_one_that_the_peer_accepts(world: World) -> None:
    token = world.issuer.token(world.analytics.url, "bob")
    assert ask(world, token=token).status == 200
    assert world.issuer.exchanges == [
        {
            "grant_type": EXCHANGE,
            "subject_token": token,
            "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "audience": world.listings.url,
            "scope": "tools:call",
        }
    ]


def test_the_peer_sees_the_same_user_and_never_the_callers_token(world: World) -> None:
    seen: list[str] = []

    def listen(environ: dict[str, Any], start_response: Any) -> Any:
        seen.append(environ["HTTP_AUTHORIZATION"].removeprefix("Bearer "))
        return world.listings.app(environ, start_response)

    world.listings.server.application = listen
    token = world.issuer.token(world.analytics.url, "bob")
    ask(world, token=token)
    [exchanged] = seen
    claims = jwt.decode(exchanged, options={"verify_signature": False})
    assert exchanged != token
    assert (claims["sub"], claims["aud"]) == ("bob", world.listings.url)


def test_a_peer_that_is_down_is_a_clear_error(world: World) -> None:
    world.listings.server.stop()
    assert_unavailable(ask(world))


def test_a_peer_that_hangs_is_a_clear_error_in_time(world: World) -> None:
    def hang() -> str:
        gevent.sleep(60)
        return ""

    listings_answer(world, hang)
    assert_unavailable(ask(world), status=504)


def test_a_peer_that_answers_drop_by_drop_is_a_clear_error_in_time(world: World) -> None:
    def drip() -> Response:
        def drops() -> Any:
            for _ in range(600):
                yield b" "
                gevent.sleep(0.1)

        return Response(drops())

    listings_answer(world, drip)
    assert_unavailable(ask(world), status=504)


def garbage() -> str:
    return "<html>not JSON</html>"


def other_shape() -> Response:
    return jsonify(listings=[{"listingId": "L001"}])


def other_listings() -> Response:
    return jsonify(listings=[])


def broken() -> tuple[Response, int]:
    return jsonify(error={"code": "internal_error", "message": "…"}), 500


def refused() -> tuple[Response, int]:
    return jsonify(error={"code": "invalid_token", "message": "…"}), 401


def shapeless_refusal() -> tuple[str, int]:
    return "no", 422


def redirect() -> Response:
    return Response(status=302, headers={"Location": "http://127.0.0.1:1/"})


@pytest.mark.parametrize(
    "answer",
    [garbage, other_shape, other_listings, broken, refused, shapeless_refusal, redirect],
)
def test_a_peer_that_talks_nonsense_is_a_clear_error(
    world: World, answer: Callable[[], Any], caplog: pytest.LogCaptureFixture
) -> None:
    listings_answer(world, answer)
    assert_unavailable(ask(world))
    assert "Traceback" not in caplog.text


def no_grant() -> Response:
    return Response('{"error": "invalid_grant"}', status=400, mimetype="application/json")


def no_json() -> Response:
    return Response("<html>")


def no_object() -> Response:
    return jsonify(["token"])


def no_token() -> Response:
    return jsonify(access_token=None)


def hostile_token() -> Response:
    return jsonify(access_token="a\r\nX-Injected: yes")


@pytest.mark.parametrize("answer", [no_grant, no_json, no_object, no_token, hostile_token])
def test_an_exchange_that_is_refused_is_a_clear_error(
    world: World, answer: Callable[[], Response]
) -> None:
    world.issuer.answer_exchange = answer
    assert_unavailable(ask(world))


def test_a_slow_peer_holds_up_nobody_who_does_not_need_it(world: World) -> None:
    gate = gevent.event.Event()

    def wait() -> Response:
        gate.wait()
        return jsonify(listings=[])

    listings_answer(world, wait)
    waiting = [gevent.spawn(ask, world) for _ in range(30)]
    gevent.sleep(0.2)
    answer = world.analytics.call("getListingMetrics", {"listingIds": ["L001"]})
    assert answer.status == 200
    assert not any(one.ready() for one in waiting)
    gate.set()
    gevent.joinall(waiting, raise_error=True)
