"""Connections that say nothing, or too slowly, shut nobody out: on the server of `make run`."""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import requests
from gevent import sleep, socket

from app.auth.key_files import ensure_secrets
from scripts.ports import free_port
from tests.faults.cluster import ROOT, Server
from tests.support.product import PASSWORD, Stream, eventually
from tests.support.scripted_model import ScriptedModel
from tests.support.scripted_replies import text
from tests.support.seeded_databases import copy_databases

CONNECTIONS = 2000  # gunicorn.conf.py
WORDS = [f"word{number} " for number in range(200)]


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, shared_model: ScriptedModel
) -> Iterator[Server]:
    port, folder = free_port(), tmp_path_factory.mktemp("server")
    instance = folder / "instance"
    ensure_secrets(instance)
    copy_databases(instance)
    env = {
        "PYTHONPATH": str(ROOT),
        "INSTANCE_DIR": str(instance),
        "APP_URL": f"http://127.0.0.1:{port}",
        "OPENAI_BASE_URL": shared_model.base_url,
        "MODEL": "scripted",
        "MODEL_TITLES": "false",
        "WEB_PORT": str(port),
    }
    command = [sys.executable, "-m", "gunicorn", "-c", str(ROOT / "gunicorn.conf.py"), "wsgi:app"]
    started = Server(command, env, folder, f"http://127.0.0.1:{port}", folder / "log")
    started.start()
    eventually(started.answers)
    yield started
    started.end()


class Crowd(ExitStack):
    """Connections to a server, each of which has sent something and then falls silent."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port
        self.sockets: list[socket.socket] = []

    def send(self, beginning: bytes, times: int) -> None:
        for _ in range(times):
            connection = self.enter_context(socket.create_connection(("127.0.0.1", self._port)))
            connection.sendall(beginning)
            self.sockets.append(connection)

    def closed(self) -> int:
        """How many the server has closed."""
        return sum(map(_is_closed, self.sockets))


def _is_closed(connection: socket.socket) -> bool:
    connection.settimeout(0)
    try:
        while connection.recv(65536):
            pass
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


@pytest.fixture
def crowd(server: Server) -> Iterator[Crowd]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard > 0 else 10_000, hard))
    with Crowd(int(server.url.rpartition(":")[2])) as connections:
        yield connections
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


BODY = (
    b"POST /auth/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: %s\r\n"
    b"Content-Length: 500\r\n\r\n"
)


@pytest.mark.slow
def test_a_crowd_of_silent_and_slow_connections_shuts_nobody_out(
    server: Server, crowd: Crowd, shared_model: ScriptedModel
) -> None:
    shared_model.script(text(*WORDS, pace=0.02))
    body = {"name": "Ann", "email": "ann@example.com", "password": PASSWORD}
    signed_up = requests.post(f"{server.url}/auth/signup", json=body).json()
    bearer = {"Authorization": f"Bearer {signed_up['access_token']}"}
    url = f"{server.url}/agents/chat-stream"
    question = {"userMessage": "Hello"}
    with requests.post(url, json=question, headers=bearer, stream=True) as response:
        stream = Stream(response)
        stream.until("content")
        crowd.send(b"", CONNECTIONS + 50)
        crowd.send(b"GET / HTTP/1.1\r\nHo", 300)
        crowd.send(BODY % b"application/x-www-form-urlencoded" + b"email=", 300)
        crowd.send(BODY % b"application/json" + b"{", 300)
        # All of them together are more than a worker has places.
        assert requests.get(f"{server.url}/auth/login", timeout=30).status_code == 200
        login = {"email": "ann@example.com", "password": PASSWORD}
        assert requests.post(f"{server.url}/auth/login", json=login, timeout=30).status_code == 200
        assert stream.until("done")[-1].json["status"] == "completed"
    assert crowd.closed() >= 2950 - CONNECTIONS // 2


@pytest.mark.slow
def test_what_is_not_sent_in_time_is_closed_or_refused_with_a_sentence(
    server: Server, crowd: Crowd
) -> None:
    crowd.send(b"", 1)
    crowd.send(b"GET / HTTP/1.1\r\nHo", 1)
    crowd.send(BODY % b"application/json" + b"{", 1)
    silent, half_head, half_body = crowd.sockets
    for connection in (silent, half_head):
        connection.settimeout(30)
        assert connection.recv(100) == b""
    half_body.settimeout(60)
    answer = b""
    while piece := half_body.recv(65536):
        answer += piece
        sleep(0)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"The request took too long to arrive." in answer
