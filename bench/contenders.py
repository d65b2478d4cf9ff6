"""What is measured: the product twice (as browsers and as programs read it), and two relays.

Each is started anew for every measurement, the product on a copy of one prepared instance folder,
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

from bench.load import Ask, Follow, Reader
from bench.people import Person
from scripts import ROOT
from scripts.child_processes import start
from scripts.ports import free_port
from scripts.services import program_env
from tool_services.framework.env_names import all_settings

Figure = TypeVar("Figure", bound=float)

_CONNECT = re.compile(rb'sse-connect="([^"]+)"')


@dataclass
class Contender:
    """One program under load. `started` runs it; `pids` are the processes that count."""

    name: str
    upstream: str
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    port: int = 0

    def start(self) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        started = [psutil.Process(process.pid) for process in self.processes]
        children = [each for one in started for each in one.children(recursive=True)]
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()
        # One that collapsed may not end by itself, nor what it started.
        for child in psutil.wait_procs(children, 2)[1]:
            child.kill()
        self.processes = []

    def counted(self) -> list[psutil.Process]:
        """The processes whose CPU and memory count."""
        parent = psutil.Process(self.processes[0].pid)
        return [parent, *parent.children(recursive=True)]

    def cpu(self) -> float:
        """Seconds of all cores, in user code and in the kernel on its behalf."""
        return sum(_of(process, lambda one: sum(one.cpu_times()[:2])) for process in self.counted())

    def memory(self) -> int:
        """Bytes that belong to the processes alone."""
        return sum(
            _of(each, lambda one: int(one.memory_full_info().uss)) for each in self.counted()
        )

    def readers(self, count: int) -> list[Reader]:
        return [
            Reader(number, self.ask_of(number), self.follow_of(number)) for number in range(count)
        ]

    def ask_of(self, number: int) -> Ask:
        def ask(_: Reader) -> bytes:
            return post("/chat", json.dumps({"userMessage": f"What is there? #{number}"}))

        return ask

    def follow_of(self, _number: int) -> Follow | None:
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
                env={**unset_env(), "OPENAI_BASE_URL": self.upstream, **(env or {})},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )
        _wait_for(ready)


@dataclass
class FastApi(Contender):
    def start(self) -> None:
        self.port = free_port()
        command = (*(sys.executable, "-m", "uvicorn", "bench.relays.fastapi_relay:app"),)
        options = ("--port", str(self.port), "--no-access-log", "--backlog", "4096")
        self._run((*command, *options), f"http://127.0.0.1:{self.port}/docs")


@dataclass
class Flask(Contender):
    def start(self) -> None:
        self.port = free_port()
        command = (sys.executable, "-m", "gunicorn", "-k", "gevent", "--no-control-socket")
        options = ("-c", "scripts/gunicorn_services.py", "-b", f"127.0.0.1:{self.port}")
        limit = ("--worker-connections", "2000", "--backlog", "4096")
        application = "bench.relays.flask_relay:app"
        self._run((*command, *options, *limit, application), f"http://127.0.0.1:{self.port}/")


@dataclass
class Homestream(Contender):
    """`make run` with another model, on a copy of `folder`, in which the `people` are known."""

    folder: Path = Path()
    fragments: bool = True
    settings: dict[str, str] = field(default_factory=dict)
    people: list[Person] = field(default_factory=list)

    def start(self) -> None:
        self.port = free_port()
        working = self.folder.with_name("working")
        shutil.rmtree(working, ignore_errors=True)
        shutil.copytree(self.folder, working)
        env = {
            "INSTANCE_DIR": str(working),
            "DATABASE_URL": f"sqlite:///{working / 'homestream.db'}",
            "WEB_PORT": str(self.port),
            "LISTINGS_PORT": str(free_port()),
            "ANALYTICS_PORT": str(free_port()),
            **self.settings,
        }
        command = (sys.executable, "-m", "scripts.run")
        # From a folder without .env: a benchmark must never meet the data of a real one.
        self._run(command, f"http://127.0.0.1:{self.port}/health", env, working)
        time.sleep(1.5)  # the tool services have told their tools by then

    def counted(self) -> list[psutil.Process]:
        everything = psutil.Process(self.processes[0].pid).children(recursive=True)
        return [each for each in everything if _of(each, lambda one: "wsgi:app" in one.cmdline())]

    def ask_of(self, number: int) -> Ask:
        person = self.people[number]
        question = f"What is there for me? #{number}"
        if not self.fragments:
            body = {"userMessage": question, "conversationId": person.conversation_id}
            bearer = f"Authorization: Bearer {person.token}\r\n"
            return lambda _: post("/agents/chat-stream", json.dumps(body), bearer)
        asked, key = question.replace("#", "%23"), os.urandom(8).hex()
        form = f"csrf_token={person.csrf}&message={asked}&key={key}"
        headers = f"Cookie: access_token_cookie={person.token}\r\nHX-Request: true\r\n"
        path = f"/conversations/{person.conversation_id}/messages"
        kind = "application/x-www-form-urlencoded"
        return lambda _: post(path, form.replace(" ", "+"), headers, kind)

    def follow_of(self, number: int) -> Follow | None:
        if not self.fragments:
            return None
        cookie = f"Cookie: access_token_cookie={self.people[number].token}"

        def follow(_: Reader, reply: bytes) -> bytes:
            found = _CONNECT.search(reply)
            assert found, reply  # noqa: S101
            return b"GET %s HTTP/1.1\r\nHost: bench\r\n%s\r\n\r\n" % (found[1], cookie.encode())

        return follow


def unset_env() -> dict[str, str]:
    """This environment, in which no setting of the product is set and its modules are found."""
    return {name: value for name, value in program_env().items() if name not in all_settings()}


def post(path: str, body: str, headers: str = "", kind: str = "application/json") -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: {kind}\r\n{headers}"
        f"Content-Length: {len(body.encode())}\r\n\r\n{body}"
    ).encode()


def _of(process: psutil.Process, ask: Callable[[psutil.Process], Figure]) -> Figure | int:
    """What `process` says; 0 for one that has just ended."""
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
