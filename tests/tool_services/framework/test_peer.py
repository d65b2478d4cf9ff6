"""A service that asks another one: with an exchanged token, in time, and prepared for nonsense."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import gevent
import gevent.event
import jwt
import pytest
from flask import Flask, Response, jsonify, request

from tests.tool_services.support.issuer import EXCHANGE
from tests.tool_services.support.services import Answer, Service, start_server, url_of


@pytest.fixture
def peer(notes: Service) -> Iterator[Any]:
    """A server in the peer's place. A test gives it what to answer with."""
    server = start_server()
    notes.restart(peer_url=url_of(server))
    yield server
    server.stop()


def answer_with(peer: Any, view: Callable[[], Any]) -> None:
    app = Flask(__name__)
    app.add_url_rule("/greeting", view_func=view)
    peer.application = app


def assert_unavailable(answer: Answer, status: int = 502) -> None:
    assert (answer.status, answer.code) == (status, "upstream_unavailable")
    assert answer.message.startswith("The peer service ")


def hello() -> Response:
    return jsonify(greeting="hello")


def test_a_result_may_suggest_what_to_ask_next(notes: Service, peer: Any) -> None:
    answer_with(peer, hello)
    told = notes.mcp_result("greet", {})
    assert told["_meta"] == {"homestream/suggestions": ["Greet again"]}
    assert told["structuredContent"] == {"greeting": "hello"}
    assert "homestream/suggestions" not in notes.mcp_result("findNotes", {})["_meta"]


def test_the_peer_sees_the_same_user_but_never_the_callers_token(notes: Service, peer: Any) -> None:
    seen: list[str] = []

    def listen() -> Response:
        seen.append(request.headers["Authorization"].removeprefix("Bearer "))
        return hello()

    answer_with(peer, listen)
    token = notes.token("bob")
    assert notes.call("greet", {}, token=token).result == {"greeting": "hello"}
    [exchanged] = seen
    claims = jwt.decode(exchanged, options={"verify_signature": False})
    assert exchanged != token
    assert (claims["sub"], claims["aud"]) == ("bob", url_of(peer))
    [form] = notes.issuer.exchanges
    assertion = form.pop("client_assertion")
    assert form == {
        "grant_type": EXCHANGE,
        "subject_token": token,
        "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "audience": url_of(peer),
        "scope": "tools:call peer:read",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    }
    [key] = jwt.PyJWKSet.from_dict(notes.request("GET", "/.well-known/jwks.json").body).keys
    proof = jwt.decode(assertion, key, ["ES256"], audience=notes.issuer.url)
    assert proof["iss"] == proof["sub"] == notes.audience
    assert proof["exp"] - proof["iat"] <= 60


def test_a_service_keeps_its_key_and_publishes_only_the_public_half(notes: Service) -> None:
    published = notes.request("GET", "/.well-known/jwks.json").body
    assert set(published["keys"][0]) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    notes.restart()
    assert notes.request("GET", "/.well-known/jwks.json").body == published
    [file] = notes.settings.instance_dir.glob("*.pem")
    assert file.stat().st_mode & 0o077 == 0


def test_a_key_that_cannot_be_read_stops_the_start_with_a_sentence(
    notes: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    [file] = notes.settings.instance_dir.glob("*.pem")
    file.write_text("nonsense")
    with pytest.raises(SystemExit):
        notes.create_app(notes.settings)
    assert f"{file} can't be used as the key of notes" in capsys.readouterr().err


def test_the_peers_own_refusal_is_passed_on(notes: Service, peer: Any) -> None:
    error = {"code": "unknown_note", "message": "There is no such note."}
    answer_with(peer, lambda: (jsonify(error=error), 422))
    answer = notes.call("greet", {})
    assert (answer.status, answer.body["error"]) == (422, error)


def test_a_peer_that_is_down_is_a_clear_error(notes: Service, peer: Any) -> None:
    peer.stop()
    assert_unavailable(notes.call("greet", {}))


def hang() -> str:
    gevent.sleep(60)
    return ""


def drip() -> Response:
    def drops() -> Iterator[bytes]:
        for _ in range(600):
            yield b" "
            gevent.sleep(0.1)

    return Response(drops())


@pytest.mark.parametrize("answer", [hang, drip])
def test_a_slow_peer_is_a_clear_error_in_time(
    notes: Service, peer: Any, answer: Callable[[], Any]
) -> None:
    answer_with(peer, answer)
    with gevent.Timeout(notes.settings.tool_timeout):
        assert_unavailable(notes.call("greet", {}), status=504)


@pytest.mark.parametrize(
    "answer",
    [
        lambda: "<html>not JSON</html>",
        lambda: "[" * 100_000,
        lambda: jsonify(other="shape"),
        lambda: (jsonify(error={"code": "internal_error", "message": "…"}), 500),
        lambda: (jsonify(error={"code": "invalid_token", "message": "…"}), 401),
        lambda: ("no", 422),
        lambda: Response(status=302, headers={"Location": "http://127.0.0.1:1/"}),
    ],
)
def test_a_peer_that_answers_nonsense_is_a_clear_error(
    notes: Service, peer: Any, answer: Callable[[], Any], caplog: pytest.LogCaptureFixture
) -> None:
    answer_with(peer, answer)
    assert_unavailable(notes.call("greet", {}))
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize(
    "grant",
    [
        lambda: Response('{"error": "invalid_grant"}', status=400, mimetype="application/json"),
        lambda: Response("<html>"),
        lambda: Response("[" * 100_000),
        lambda: jsonify(["token"]),
        lambda: jsonify(access_token=None),
        lambda: jsonify(access_token="a\r\nX-Injected: yes"),
    ],
)
def test_an_exchange_that_is_refused_is_a_clear_error(
    notes: Service, peer: Any, grant: Callable[[], Response]
) -> None:
    answer_with(peer, hello)
    notes.issuer.answer_exchange = grant
    assert_unavailable(notes.call("greet", {}))


def test_a_slow_peer_delays_no_call_that_does_not_need_it(notes: Service, peer: Any) -> None:
    arrived, gate = gevent.event.Event(), gevent.event.Event()

    def wait() -> Response:
        arrived.set()
        gate.wait()
        return hello()

    answer_with(peer, wait)
    waiting = [gevent.spawn(notes.call, "greet", {}) for _ in range(30)]
    assert arrived.wait(10)
    assert notes.call("findNotes", {}).status == 200
    gate.set()
    gevent.joinall(waiting, raise_error=True)
