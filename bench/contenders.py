"""The programs that are measured: the product, read by browsers or by programs, and two relays.

Each is started afresh for every measurement, the product on a copy of one prepared instance folder,
so that no measurement finds what another one left.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import psutil
import requests

from bench.accounts import Account
from bench.readers import Ask, Follow, Reader
from scripts import ROOT
from scripts.child_processes import start
from scripts.ports import free_port
from scripts.programs import program_env
from tool_services.framework.env_names import all_settings

Figure = TypeVar("Figure", bound=float)

_CONNECT = re.compile(rb'sse-connect="([^"]+)"')


@dataclass
class Contender:
    """A program that is measured; `upstream` is the base URL of its model."""

    name: str
    upstream: str
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    port: int = 0

    def start(self) -> None:
        """Start it on a free port and wait until it answers."""
        raise NotImplementedError

    def stop(self) -> None:
        """End it and every process that it started."""
        parents = [psutil.Process(process.pid) for process in self.processes]
        children = [child for parent in parents for child in parent.children(recursive=True)]
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()
        # A program that broke down may not end its children.
        for child in psutil.wait_procs(children, 2)[1]:
            child.kill()
        self.processes = []

    def counted(self) -> list[psutil.Process]:
        """Return the processes whose CPU and memory count."""
        parent = psutil.Process(self.processes[0].pid)
        return [parent, *parent.children(recursive=True)]

    def cpu(self) -> float:
        """Return CPU seconds so far, in user code and in the kernel."""
        return sum(_of(process, lambda one: sum(one.cpu_times()[:2])) for process in self.counted())

    def memory(self) -> int:
        """Return the bytes that no other process shares."""
        return sum(
            _of(process, lambda one: int(one.memory_full_info().uss)) for process in self.counted()
        )

    def readers(self, count: int) -> list[Reader]:
        return [
            Reader(number, self.asking(number), self.following(number)) for number in range(count)
        ]

    def asking(self, number: int) -> Ask:
        """Return how the reader of this number asks."""
        question = json.dumps({"userMessage": f"What is there? #{number}"})
        return lambda _: post("/chat", question)

    def following(self, _number: int) -> Follow | None:
        """Return how the reader follows the answer; None if the reply is the stream."""
        return None

    def _run(
        self,
        command: Sequence[str],
        ready: str,
        env: dict[str, str] | None = None,
        folder: Path = ROOT,
    ) -> None:
        self.processes.append(
            start(
                command,
                cwd=folder,
                env={**env_without_settings(), "OPENAI_BASE_URL": self.upstream, **(env or {})},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )
        _wait_for(ready)


@dataclass
class FastApi(Contender):
    """FastAPI with the asynchronous openai client."""

    def start(self) -> None:
        self.port = free_port()
        command = (sys.executable, "-m", "uvicorn", "bench.relays.fastapi_relay:app")
        options = ("--port", str(self.port), "--no-access-log", "--backlog", "4096")
        self._run((*command, *options), f"http://127.0.0.1:{self.port}/docs")


@dataclass
class Flask(Contender):
    """Flask on gevent with the openai client."""

    def start(self) -> None:
        self.port = free_port()
        command = (sys.executable, "-m", "gunicorn", "-k", "gevent", "--no-control-socket")
        options = ("-c", "scripts/gunicorn_services.py", "-b", f"127.0.0.1:{self.port}")
        limit = ("--worker-connections", "2000", "--backlog", "4096")
        application = "bench.relays.flask_relay:app"
        self._run((*command, *options, *limit, application), f"http://127.0.0.1:{self.port}/")


@dataclass
class Homestream(Contender):
    """The product as `make run` starts it, on a copy of `folder`, which has the `accounts`.

    Its tool service is that of the engine's tests, so that no domain's tools and prompt count.

    With `fragments` it is read as browsers do, else as programs do.
    """

    folder: Path = Path()
    fragments: bool = True
    settings: dict[str, str] = field(default_factory=dict)
    accounts: list[Account] = field(default_factory=list)

    def start(self) -> None:
        self.port = free_port()
        working = self.folder.with_name("working")
        shutil.rmtree(working, ignore_errors=True)
        shutil.copytree(self.folder, working)
        env = {
            "MODEL_TITLES": "false",  # each is a question of its own to the model
            "GROUNDED_FIGURES": "false",  # once an answer, whatever its words take to stream
            "INSTANCE_DIR": str(working),
            "FIND_LOCAL_MODEL": "false",
            "DATABASE_URL": f"sqlite:///{working / 'homestream.db'}",
            "WEB_PORT": str(self.port),
            "NOTES_PORT": str(free_port()),
            **self.settings,
        }
        command = (sys.executable, "-m", "scripts.run")
        # This folder has no .env: a benchmark must not use a real instance's data.
        self._run(command, f"http://127.0.0.1:{self.port}/health", env, working)
        time.sleep(1.5)  # until the app has fetched the lists of tools

    def counted(self) -> list[psutil.Process]:
        """Return the processes of the web app, without those of the tool services."""
        children = psutil.Process(self.processes[0].pid).children(recursive=True)
        return [child for child in children if _of(child, lambda one: "wsgi:app" in one.cmdline())]

    def asking(self, number: int) -> Ask:
        account = self.accounts[number]
        question = f"What is there for me? #{number}"
        if not self.fragments:
            body = {"userMessage": question, "conversationId": account.conversation_id}
            bearer = f"Authorization: Bearer {account.token}\r\n"
            return lambda _: post("/agents/chat-stream", json.dumps(body), bearer)
        message, key = question.replace("#", "%23").replace(" ", "+"), os.urandom(8).hex()
        form = f"csrf_token={account.csrf}&message={message}&key={key}"
        headers = f"Cookie: access_token_cookie={account.token}\r\nHX-Request: true\r\n"
        path = f"/conversations/{account.conversation_id}/messages"
        return lambda _: post(path, form, headers, "application/x-www-form-urlencoded")

    def following(self, number: int) -> Follow | None:
        if not self.fragments:
            return None
        cookie = f"Cookie: access_token_cookie={self.accounts[number].token}"

        def follow(_: Reader, reply: bytes) -> bytes:
            found = _CONNECT.search(reply)
            assert found, reply  # noqa: S101
            return b"GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s\r\n\r\n" % (found[1], cookie.encode())

        return follow


def env_without_settings() -> dict[str, str]:
    """Return this environment with the checkout's modules, but without settings of the product
    except the folder of the tool service to measure with."""
    env = {name: value for name, value in program_env().items() if name not in all_settings()}
    return env | {"TOOL_SERVICES_FOLDER": str(ROOT / "tests" / "support")}


def post(path: str, body: str, headers: str = "", kind: str = "application/json") -> bytes:
    """Return a POST request."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\n{headers}"
        f"Content-Length: {len(body.encode())}\r\n\r\n{body}"
    ).encode()


def _of(process: psutil.Process, ask: Callable[[psutil.Process], Figure]) -> Figure | int:
    """Ask a process for a figure; 0 if it has just ended."""
    try:
        return ask(process)
    except psutil.Error:
        return 0


def _wait_for(url: str, patience: float = 60) -> None:
    limit = time.monotonic() + patience
    while time.monotonic() < limit:
        with suppress(requests.RequestException):
            requests.get(url, timeout=2)
            return
        time.sleep(0.05)
    raise TimeoutError(f"{url} does not answer")
