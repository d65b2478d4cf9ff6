"""`make run` from outside: the sentences before the start, the lines after it, and the end."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from flask import Flask
from gevent.pywsgi import WSGIServer

from scripts.launch import Service
from scripts.serve import wait_until_ready
from tests.support.processes import all_gone

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("web", "listings", "analytics", "demo-model")

Settings = dict[str, str]
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An environment with four free ports and nothing else of ours; the folder has no `.env`."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in NAMES]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    names = ("WEB_PORT", "LISTINGS_PORT", "ANALYTICS_PORT", "DEMO_MODEL_PORT")
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**inherited, "PYTHONPATH": str(ROOT), **dict(zip(names, map(str, ports), strict=True))}


@pytest.fixture
def start(tmp_path: Path, settings: Settings) -> Iterator[Start]:
    """Starts everything, with `tmp_path` as the folder that it keeps its things in."""
    started: list[subprocess.Popen[str]] = []

    def start(module: str = "scripts.serve") -> subprocess.Popen[str]:
        child = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=tmp_path,
            env=settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(child)
        return child

    yield start
    for child in started:
        child.terminate()
        child.communicate()


def read_until_ready(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    text = ""
    for line in child.stdout:
        text += line
        if line.startswith("Homestream is ready"):
            return text
    raise AssertionError(f"it ended before it was ready:\n{text}")


def test_everything_starts_says_so_and_ends_at_ctrl_c_without_a_trace(
    start: Start, settings: Settings
) -> None:
    child = start()
    text = read_until_ready(child)
    url = f"http://127.0.0.1:{settings['WEB_PORT']}"
    assert text.endswith(f"Homestream is ready: {url} (Ctrl-C stops it)\n")
    assert {line.partition("|")[0].strip() for line in text.splitlines()[:-1]} == {*NAMES}
    assert requests.get(f"{url}/health", timeout=10).ok
    children = [int(pid) for pid in re.findall(r"\[(\d+)\] \[INFO\]", text)]
    assert len(set(children)) == 2 * len(NAMES)
    child.send_signal(signal.SIGINT)
    rest, _ = child.communicate()
    assert child.returncode == 0, rest
    assert "Traceback" not in text + rest
    assert all_gone(children)


def test_a_second_start_finds_everything_as_it_was(start: Start, tmp_path: Path) -> None:
    assert start("scripts.prepare").wait() == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "instance").glob("*key*")}
    child = start("scripts.prepare")
    assert child.communicate()[0] == ""
    assert child.returncode == 0
    after = {path.name: path.read_bytes() for path in (tmp_path / "instance").glob("*key*")}
    assert before == after
    assert len(after) == 2


def test_a_taken_port_is_one_sentence_and_nothing_is_started(
    start: Start, settings: Settings, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", int(settings["LISTINGS_PORT"]))):
        child = start()
        said, _ = child.communicate()
    assert child.returncode == 1
    assert said == (
        f"Port {settings['LISTINGS_PORT']} is taken by another program; "
        "stop it or set LISTINGS_PORT to a free one in .env.\n"
    )
    assert not list((tmp_path / "instance").glob("*.db"))


@pytest.mark.parametrize("module", ["scripts.serve", "scripts.prepare"])
def test_a_bad_setting_is_one_sentence_that_names_it(
    module: str, settings: Settings, tmp_path: Path
) -> None:
    settings["OPENAI_API_KEY"] = "a-key-that-is-never-shown"
    command = [sys.executable, "-m", module]
    result = subprocess.run(
        command, cwd=tmp_path, env=settings, capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert result.stderr.startswith("MODEL is missing")
    assert len(result.stderr.splitlines()) == 1
    assert "never-shown" not in result.stderr


def test_a_database_that_cannot_be_migrated_stops_the_start_with_a_sentence(
    start: Start, settings: Settings
) -> None:
    settings["DATABASE_URL"] = "sqlite:////nonexistent/folder/homestream.db"
    child = start()
    said, _ = child.communicate()
    assert child.returncode == 1
    assert said.startswith("The database that DATABASE_URL names can't be brought up to date: ")
    assert len(said.splitlines()) == 1


def test_ctrl_c_before_the_start_is_a_plain_end(start: Start, tmp_path: Path) -> None:
    child = start()
    while not (tmp_path / "instance" / "signing_key.pem").exists():
        assert child.poll() is None
    child.send_signal(signal.SIGINT)
    said, _ = child.communicate()
    assert child.returncode == 0
    assert "Traceback" not in said


@pytest.fixture
def healthy() -> Iterator[Service]:
    app = Flask(__name__)
    app.add_url_rule("/health", view_func=lambda: "fine")
    server = WSGIServer(("127.0.0.1", 0), app, log=None)
    server.start()
    yield Service("web", "", int(server.server_port or 0))
    server.stop()


def test_ready_is_said_when_every_service_answers(healthy: Service) -> None:
    assert wait_until_ready([healthy]) == f"Homestream is ready: {healthy.url} (Ctrl-C stops it)"


def test_a_proxy_of_the_environment_is_not_asked_about_this_machine(
    healthy: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    assert wait_until_ready([healthy]).startswith("Homestream is ready")


def test_who_does_not_answer_is_named_when_patience_is_over(
    healthy: Service, settings: Settings
) -> None:
    silent = Service("listings", "", port=int(settings["LISTINGS_PORT"]))
    said = wait_until_ready([healthy, silent], patience=0.2)
    assert said.startswith("Homestream is not ready: listings can't be reached")
