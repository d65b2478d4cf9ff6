"""`make run` seen from outside: errors before the start, lines while it runs, and the end."""

from __future__ import annotations

import html
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import requests
from flask import Flask
from gevent.pywsgi import WSGIServer

from scripts import ROOT
from scripts.ports import free_port
from scripts.run import wait_until_ready
from scripts.services import Service
from tests.support.local_model import LocalServer
from tests.support.processes import all_gone, below
from tests.support.product import Stream, text_of
from tool_services import all_services

pytestmark = pytest.mark.slow

NAMES = ("web", "notes", "demo-model")

Settings = dict[str, str]
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An environment with free ports and nothing else of ours; the folder has no `.env`."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in NAMES]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    names = ("WEB_PORT", "NOTES_PORT", "DEMO_MODEL_PORT")
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {
        **inherited,
        "PYTHONPATH": str(ROOT),
        "TOOL_SERVICES_FOLDER": str(ROOT / "tests" / "support"),
        # Whatever model runs on this machine has no part in the tests.
        "FIND_LOCAL_MODEL": "false",
        **dict(zip(names, map(str, ports), strict=True)),
    }


@pytest.fixture
def start(tmp_path: Path, settings: Settings) -> Iterator[Start]:
    """Start everything, with `tmp_path` as the current folder."""
    started: list[subprocess.Popen[str]] = []

    def start(module: str = "scripts.run") -> subprocess.Popen[str]:
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


def test_everything_starts_ends_at_ctrl_c_and_keeps_its_secrets(
    start: Start, settings: Settings, tmp_path: Path
) -> None:
    child = start()
    text = read_until_ready(child)
    url = f"http://127.0.0.1:{settings['WEB_PORT']}"
    assert text.endswith(f"Homestream is ready: {url} (Ctrl-C stops it)\n")
    assert {line.partition("|")[0].strip() for line in text.splitlines()[:-1]} == {*NAMES}
    assert requests.get(f"{url}/health", timeout=60).ok
    children = [int(pid) for pid in re.findall(r"\[(\d+)\] \[INFO\]", text)]
    assert len(set(children)) == 2 * len(NAMES)
    child.send_signal(signal.SIGINT)
    rest, _ = child.communicate()
    assert child.returncode == 0, rest
    assert "Traceback" not in text + rest
    assert all_gone(children)
    before = secrets(tmp_path)
    assert len(before) == 2
    child = start("scripts.set_up")
    assert child.communicate()[0] == ""
    assert child.returncode == 0
    assert secrets(tmp_path) == before


def test_one_process_serves_everything_in_little_memory_and_its_end_loses_nothing(
    start: Start, settings: Settings
) -> None:
    del settings["TOOL_SERVICES_FOLDER"]
    settings["ONE_PROCESS"] = "true"
    services = tuple(all_services.folders())
    settings |= {f"{name.upper()}_PORT": str(free_port()) for name in services}
    child = start()
    text = read_until_ready(child)
    assert {line.partition("|")[0].strip() for line in text.splitlines()[:-1]} == {"all"}
    for name in services:
        url = f"http://127.0.0.1:{settings[f'{name.upper()}_PORT']}"
        about = requests.get(f"{url}/info", timeout=60).json()
        assert (about["name"], about["audience"]) == (name, url)
    if sys.platform == "linux":
        assert megabytes(child, settings["WEB_PORT"]) < MOST_MEGABYTES
    url = f"http://127.0.0.1:{settings['WEB_PORT']}"
    person = sign_up(url)
    chat = f"{url}/agents/chat-stream"
    # Whatever the services are about, the start page has questions for which a tool is called.
    [example, *_] = re.findall(r'name="message" value="([^"]+)"', person.get(url).text)
    question = {"userMessage": html.unescape(example)}
    with person.post(chat, json=question, stream=True) as answering:
        run = Stream(answering).until("content")[0].json["runId"]
        [worker] = [each for each in below(child.pid) if not each.children()]
        worker.kill()
    with person.get(f"{chat}/{run}", stream=True) as answering:
        messages = Stream(answering).until("done")
    assert messages[-1].json["status"] == "completed"
    tools = [message.json["status"] for message in messages if message.event == "tool"]
    assert "completed" in tools
    assert text_of(messages)


def sign_up(url: str) -> requests.Session:
    """Sign somebody up, and return what sends their requests."""
    person = {"email": "ann@example.com", "password": "seven green boats", "name": "Ann"}
    answer = requests.post(f"{url}/auth/signup", json=person, timeout=60)
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    return session


MOST_MEGABYTES = 200
"""What small machines are promised. It takes 145 where other tests share the libraries' files with
it, and 180 alone on a machine."""


def megabytes(child: subprocess.Popen[str], port: str) -> float:
    """Return the memory of all processes that were started, each page counted once."""
    watchers = [
        each
        for each in psutil.process_iter()
        if runs(each, "end_orphans.py") and each.environ().get("WEB_PORT") == port
    ]
    assert len(watchers) == 1
    processes = (psutil.Process(child.pid), *below(child.pid), *watchers)
    return float(sum(each.memory_full_info().pss for each in processes)) / 2**20


def runs(process: psutil.Process, program: str) -> bool:
    with suppress(psutil.Error):
        return any(argument.endswith(program) for argument in process.cmdline())
    return False


def secrets(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "instance").glob("*key*")}


def test_a_model_on_this_machine_answers_in_the_demo_models_place(
    start: Start, settings: Settings
) -> None:
    with LocalServer(calls=True) as server:
        settings |= {"FIND_LOCAL_MODEL": "true", "LOCAL_MODEL_PORTS": str(server.port)}
        settings["ONE_PROCESS"] = "true"  # the rest starts with less CPU so
        child = start()
        read_until_ready(child)
        assert child.stdout is not None
        which = child.stdout.readline()
        page = requests.get(f"http://127.0.0.1:{settings['WEB_PORT']}/auth/login", timeout=60)
        with pytest.raises(requests.ConnectionError):
            requests.get(f"http://127.0.0.1:{settings['DEMO_MODEL_PORT']}/health", timeout=60)
    assert page.ok
    assert which.startswith(f"calls answers, which the server at port {server.port} serves at")


def test_nothing_starts_when_a_port_is_taken(
    start: Start, settings: Settings, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", int(settings["NOTES_PORT"]))):
        child = start()
        output, _ = child.communicate()
    assert child.returncode == 1
    assert "NOTES_PORT" in output
    assert len(output.splitlines()) == 1
    assert not list((tmp_path / "instance").glob("*.db"))


def test_ctrl_c_before_the_start_ends_it_without_a_traceback(start: Start, tmp_path: Path) -> None:
    child = start()
    while not (tmp_path / "instance" / "signing_key.pem").exists():
        assert child.poll() is None
        time.sleep(0.02)
    child.send_signal(signal.SIGINT)
    output, _ = child.communicate()
    assert child.returncode == 0
    assert "Traceback" not in output


@pytest.fixture
def healthy() -> Iterator[Service]:
    app = Flask(__name__)
    app.add_url_rule("/health", view_func=lambda: "fine")
    server = WSGIServer(("127.0.0.1", 0), app, log=None)
    server.start()
    yield Service("web", "", int(server.server_port or 0))
    server.stop()


def test_it_is_ready_when_every_service_answers(healthy: Service) -> None:
    assert wait_until_ready([healthy]) == f"Homestream is ready: {healthy.url} (Ctrl-C stops it)"


def test_a_proxy_in_the_environment_is_not_used(
    healthy: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    assert wait_until_ready([healthy]).startswith("Homestream is ready")


def test_a_service_that_does_not_answer_is_named(healthy: Service, settings: Settings) -> None:
    silent = Service("notes", "", port=int(settings["NOTES_PORT"]))
    assert "notes" in wait_until_ready([healthy, silent], seconds=0.2)
