"""Which model on this machine is found, and that nothing else is asked."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from flask import Response

from app.auth.key_files import ensure_secrets
from app.config import load_settings
from scripts.local_model import find_local_model
from scripts.ports import free_port
from tests.support.local_model import LocalServer


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with LocalServer(talks=False, calls=True, calls_too=True) as started:
        yield started


def test_the_first_model_that_calls_a_tool_is_found(server: LocalServer) -> None:
    told: list[str] = []
    found = find_local_model([free_port(), server.port], (), told.append)
    assert [line.split(",")[0] for line in told] == ["talks"]
    assert found is not None
    assert found.name == "calls"
    assert found.base_url == f"http://127.0.0.1:{server.port}/v1"
    assert [body["model"] for body in server.asked] == ["talks", "calls"]
    assert found.settings() == {
        "OPENAI_BASE_URL": found.base_url,
        "MODEL": "calls",
        "TEMPERATURE": "0.2",
        "FIRST_TOKEN_TIMEOUT": "600",
        "RUN_TIMEOUT": "900",
    }


def test_a_model_that_is_being_loaded_is_waited_for(server: LocalServer) -> None:
    server.loading = 2
    assert find_local_model([server.port], own=()) is not None
    assert server.loading == 0


def test_a_model_that_writes_its_calls_as_text_is_found(server: LocalServer) -> None:
    server.writes_calls = True
    found = find_local_model([server.port], own=())
    assert found is not None
    assert found.name == "calls"


@pytest.mark.parametrize(
    "described", [{"max_model_len": 8192}, {"meta": {"n_ctx": 8192, "n_ctx_train": 32768}}]
)
def test_a_window_that_is_listed_and_what_is_set_are_used(
    server: LocalServer, described: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ensure_secrets(tmp_path)
    monkeypatch.setenv("INSTANCE_DIR", str(tmp_path))
    monkeypatch.setenv("TEMPERATURE", "0.9")
    monkeypatch.setenv("RUN_TIMEOUT", "30")
    server.described = described
    found = find_local_model([server.port], own=())
    assert found is not None
    env = found.with_settings(load_settings()).settings()
    assert env["CONTEXT_TOKENS"] == "8192"
    assert env["TEMPERATURE"] == "0.9"
    assert (env["FIRST_TOKEN_TIMEOUT"], env["RUN_TIMEOUT"]) == ("600", "30")


def test_no_port_of_our_own_is_asked(server: LocalServer) -> None:
    assert find_local_model([server.port], own={server.port}) is None
    assert server.asked == []


def test_a_proxy_in_the_environment_gets_nothing(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    assert find_local_model([server.port], own=()) is not None


def test_only_a_few_models_are_tried_and_none_that_makes_no_conversation() -> None:
    names = [f"talks{number}" for number in range(10)]
    with LocalServer(nomic_embed_text=True, **dict.fromkeys(names, False)) as server:
        assert find_local_model([server.port], own=()) is None
        assert [body["model"] for body in server.asked] == names[:3]


@pytest.mark.parametrize(
    "instead",
    [
        Response("<html>A page.</html>"),
        Response("[]"),
        Response('{"data": 5}'),
        Response('{"data": [5, {"id": 5}, {"id": ""}, {"id": "a\\nb"}]}'),
        Response('{"data": ' + "[" * 10_000),
        Response(b" " * 1_100_000 + b'{"data": [{"id": "calls"}]}'),
        Response(b"\x1f\x8b nonsense", headers={"Content-Encoding": "gzip"}),
        Response("", 302, {"Location": "http://127.0.0.1:9/v1/models"}),
        Response('{"data": [{"id": "calls"}]}', 401),
    ],
    ids=range(9),
)
def test_what_is_no_list_of_models_is_as_if_nothing_were_there(
    server: LocalServer, instead: Response
) -> None:
    server.instead = instead
    assert find_local_model([server.port], own=()) is None
    assert server.asked == []


def test_a_head_that_never_ends_is_not_waited_for() -> None:
    over = threading.Event()

    def drip(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Drip: ")
            while not over.wait(0.05):
                connection.sendall(b"x")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        dripping = threading.Thread(target=drip, args=(listener,))
        dripping.start()
        try:
            assert find_local_model([listener.getsockname()[1]], own=()) is None
            assert dripping.is_alive()
        finally:
            over.set()
            dripping.join()
