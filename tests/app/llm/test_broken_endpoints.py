"""An endpoint that sends the wrong bytes ends its own answer with an error of the model's."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

import pytest
from gevent import socket
from gevent.server import StreamServer

from app.errors import ModelError
from app.llm.endpoint import Endpoint
from app.llm.endpoint_errors import LONGEST_DETAIL
from app.llm.model_client import ModelClient
from app.llm.reply_limits import ReplyLimits
from tests.app.llm.asking import ask_all, failure
from tests.support.scripted_model import DONE, event

EVENTS = event({"content": "Hi 👋"}) + event({}, "stop") + DONE
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
RESPONSES = [
    STREAM + b"Connection: close\r\n\r\n" + EVENTS,
    STREAM + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(EVENTS), EVENTS),
    b"HTTP/1.1 400 No\r\nContent-Length: 34\r\nRetry-After: 1\r\n\r\n"
    b'{"error":{"message":"no","code":1}}',
    b"HTTP/1.1 302 Found\r\nLocation: http://x/\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n",
]
INSERTED = [b"\r\n", b"\xff\xfe", b"[", b"\\ud83d", b"\0", b"9" * 20, b"\r\nContent-Encoding: br"]


class RawServer:
    """Sends the same bytes to every request, then closes."""

    def __init__(self) -> None:
        self.response = b""
        self.requests: list[bytes] = []
        self._server = StreamServer(("127.0.0.1", 0), self._serve)
        self._server.start()
        self.base_url = f"http://127.0.0.1:{self._server.server_port}/v1"
        self.close = self._server.stop

    def _serve(self, sock: socket.socket, _address: tuple[str, int]) -> None:
        self.requests.append(sock.recv(65_536))
        sock.sendall(self.response)


@pytest.fixture
def server() -> Iterator[RawServer]:
    started = RawServer()
    yield started
    started.close()


@pytest.fixture
def model(server: RawServer) -> ModelClient:
    return ModelClient(
        Endpoint(server.base_url, "a key of the tests"),
        ["m"],
        attempts=1,
        limits=ReplyLimits(characters=1_000, event_bytes=1_000),
        first_token_timeout=5,
    )


def changed(response: bytes, dice: random.Random) -> bytes:
    """The response with a few bytes changed, added or missing."""
    changing = bytearray(response)
    for _ in range(dice.randint(1, 3)):
        at = dice.randrange(len(changing))
        match dice.randrange(4):
            case 0:
                changing[at] = dice.randrange(256)
            case 1:
                changing[at:at] = dice.randbytes(3)
            case 2:
                changing[at:at] = dice.choice(INSERTED)
            case _:
                del changing[at : at + dice.randint(1, 20)]
    return bytes(changing)


def test_whatever_an_endpoint_sends_there_is_a_turn_or_an_error_of_the_model(
    server: RawServer, model: ModelClient
) -> None:
    dice = random.Random(17)  # noqa: S311 - they fall the same way every time
    details: list[str] = []
    ends: Counter[str] = Counter()
    for _ in range(600):
        server.response = changed(dice.choice(RESPONSES), dice)
        try:
            ask_all(model)
            ends["a turn"] += 1
        except ModelError as error:
            ends[error.code] += 1
            details.append(error.detail)
    assert all(len(each) <= LONGEST_DETAIL and each.isprintable() for each in details)
    assert {"a turn", "model_connection", "model_unavailable", "model_refused"} <= set(ends)


@pytest.mark.parametrize("value", ["café", "\xff\xfe"])
def test_a_header_beyond_ascii_does_no_harm(
    server: RawServer, model: ModelClient, value: str
) -> None:
    header = f"X-Served-By: {value}\r\n".encode("latin-1")
    server.response = STREAM + header + b"Connection: close\r\n\r\n" + EVENTS
    assert ask_all(model)[1].text == "Hi 👋"


def test_no_cookie_is_carried_from_one_question_to_the_next(
    server: RawServer, model: ModelClient
) -> None:
    cookie = b"Set-Cookie: who=alice\xff; Path=/\r\nConnection: close\r\n\r\n"
    server.response = STREAM + cookie + EVENTS
    for _ in range(2):
        assert ask_all(model)[1].text == "Hi 👋"
    assert b"alice" not in server.requests[1]


def test_a_failure_whose_body_breaks_off_keeps_its_status(
    server: RawServer, model: ModelClient
) -> None:
    server.response = b"HTTP/1.1 401 No\r\nContent-Length: 500\r\n\r\nThe key is"
    _, problem = failure(model)
    assert (problem.code, problem.detail) == ("model_key", "401 The key is")
