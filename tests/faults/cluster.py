"""The whole product as real processes: two nodes with workers, both engines, the notes service.

Readers go to the nodes directly and try the other one when one doesn't answer, as a proxy does.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, LiteralString

import psutil
import psycopg
import redis
import requests
from gevent import sleep

from app.auth.key_files import ensure_secrets
from scripts.child_processes import start
from scripts.local_servers import Postgres, Valkey
from scripts.ports import free_port
from tests.support.processes import children
from tests.support.seeded_databases import migrate

Usage = dict[str, int]
"""Greenlets, open files, and memory in KiB."""

ROOT = Path(__file__).resolve().parent.parent.parent
GRACE = 4
FIRST_TOKEN_SECONDS = 4
PATIENCE = 60.0
SETTLE_SECONDS = 4.0
# Ten connections to PostgreSQL and twenty to Valkey are what a worker's pools keep.
MAY_GROW = {"greenlets": 2, "files": 30}


@dataclass
class Server:
    """One gunicorn with its workers."""

    command: list[str]
    env: dict[str, str]
    folder: Path
    url: str
    output: Path
    _process: subprocess.Popen[bytes] | None = field(default=None)

    def start(self) -> None:
        with self.output.open("ab") as out:
            self._process = start(
                self.command, env=self.env, cwd=self.folder, stdout=out, stderr=out
            )

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def workers(self) -> list[int]:
        return children(self.pid)

    def tell(self, number: signal.Signals) -> None:
        assert self._process
        self._process.send_signal(number)

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Tell it to end and wait until it has, workers too."""
        if self._process is None:
            return
        workers: list[int] = []
        if how == signal.SIGKILL and self._process.poll() is None:
            # First, or it starts another worker for each that is killed, which keeps the port.
            self._process.send_signal(signal.SIGSTOP)
            workers = self.workers()
        self._process.send_signal(how)
        for pid in workers:
            with suppress(ProcessLookupError):
                os.kill(pid, how)
        limit = time.monotonic() + PATIENCE
        while self._process.poll() is None:
            assert time.monotonic() < limit, f"{self.command} does not end"
            sleep(0.02)
        self._process = None

    def answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/health", timeout=10).ok
        except requests.RequestException:
            return False


class Cluster:
    """All of it, in `folder`; `model` is the URL of the model's endpoint. Each node has its number
    of workers."""

    def __init__(
        self, folder: Path, model: str, workers: tuple[int, int] = (2, 2), **settings: str
    ) -> None:
        self.folder = folder
        self._workers = workers
        self.postgres = Postgres(folder / "postgres", free_port())
        self.valkey = Valkey(folder / "valkey", free_port())
        ports = {"notes": free_port()}
        self.node_ports = [free_port(), free_port()]
        (folder / "counts").mkdir(parents=True, exist_ok=True)
        self._env = {
            **{key: value for key, value in os.environ.items() if not key.startswith("COVERAGE")},
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "INSTANCE_DIR": str(folder / "instance"),
            "APP_URL": f"http://127.0.0.1:{self.node_ports[0]}",
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.valkey.url,
            "OPENAI_BASE_URL": model,
            # Nobody is there to be asked.
            "APPROVALS": "sendNotes=never",
            # Whatever domain the checkout has, its tests are elsewhere.
            "TOOL_SERVICES_FOLDER": str(ROOT / "tests" / "support"),
            "MODEL": "scripted",
            "MODEL_TITLES": "false",
            "PING_INTERVAL": "1",
            "SERVICE_CHECK_INTERVAL": "1",
            "MAX_RUNS_PER_USER": "1000",
            "MAX_STREAMS_PER_USER": "1000",
            "FIRST_TOKEN_TIMEOUT": str(FIRST_TOKEN_SECONDS),
            "COUNTS_DIR": str(folder / "counts"),
            **{f"{name}_PORT".upper(): str(port) for name, port in ports.items()},
            **settings,
        }
        self.nodes = list(map(self._node, self.node_ports, workers))
        self.services = {name: self._service(name, port) for name, port in ports.items()}

    def _node(self, port: int, workers: int) -> Server:
        config = str(ROOT / "tests/faults/gunicorn_counted.py")
        return self._gunicorn(config, port, "wsgi:app", f"node-{port}", WEB_WORKERS=str(workers))

    def _service(self, name: str, port: int) -> Server:
        config = str(ROOT / "scripts/gunicorn_services.py")
        return self._gunicorn(config, port, f"tool_services.app:create_app({name!r})", name)

    def _gunicorn(
        self, config: str, port: int, application: str, name: str, **settings: str
    ) -> Server:
        command = [
            *(sys.executable, "-m", "gunicorn", "-c", config),
            *("--no-control-socket", "--graceful-timeout", str(GRACE)),
            *("-b", f"127.0.0.1:{port}", application),
        ]
        url = f"http://127.0.0.1:{port}"
        env = self._env | settings
        return Server(command, env, self.folder, url, self.folder / f"{name}.log")

    def __enter__(self) -> Cluster:
        self.postgres.start()
        self.valkey.start()
        ensure_secrets(self.folder / "instance")
        migrate(self.postgres.url)
        for server in (*self.nodes, *self.services.values()):
            server.start()
        self.wait_until_ready()
        return self

    def __exit__(self, *_: object) -> None:
        for server in (*self.nodes, *self.services.values()):
            server.end(signal.SIGKILL)
        self.valkey.stop()
        self.postgres.stop()
        self.postgres.remove()

    def wait_until_ready(self) -> None:
        def ready() -> bool:
            if not all(server.answers() for server in self.services.values()):
                return False
            for node, workers in zip(self.nodes, self._workers, strict=True):
                if not node.answers() or len(node.workers()) != workers:
                    return False
                health = requests.get(f"{node.url}/health", timeout=10).json()
                if health["redis"] != "up" or "down" in health["services"].values():
                    return False
            return True

        self.until(ready)

    def until(self, check: Callable[[], Any], seconds: float = PATIENCE) -> Any:
        limit = time.monotonic() + seconds
        while not (value := check()):
            assert time.monotonic() < limit, f"{check.__qualname__} never came true"
            sleep(0.1)
        return value

    def workers(self) -> list[int]:
        return [pid for node in self.nodes for pid in node.workers()]

    def scalar(self, query: LiteralString) -> Any:
        with psycopg.connect(self.postgres.url, autocommit=True) as connection:
            row = connection.execute(query).fetchone()
            return row and row[0]

    def live_runs(self) -> int:
        return int(self.scalar("SELECT count(*) FROM runs WHERE finished_at IS NULL"))

    def open_streams(self) -> int:
        """In the registry that all workers share."""
        with redis.Redis.from_url(self.valkey.url) as client:
            now = client.time()[0]
            return int(client.zcount("hs:streams", f"({now}", "+inf"))

    def usage(self) -> dict[int, Usage]:
        """Of each worker: greenlets, open files, connections to the engines, memory in KiB."""
        return {pid: self._usage(pid) for pid in self.workers()}

    def most(self) -> Usage:
        """Of each thing what the worker with the most of it has."""
        usage = self.usage().values()
        return {name: max(each[name] for each in usage) for name in next(iter(usage))}

    def settled(self) -> Usage:
        """The most of each thing once nothing is under way any more."""
        sleep(SETTLE_SECONDS)
        return self.most()

    def leaks(self, before: Usage) -> list[str]:
        """What there is more of than `before`, when all was quiet; pools of connections fill up to
        their bounds, and stay."""
        now = self.settled()
        return [
            f"{now[name]} {name} instead of {before[name]}"
            for name, more in MAY_GROW.items()
            if now[name] > before[name] + more
        ]

    def _usage(self, pid: int) -> Usage:
        process = psutil.Process(pid)
        return {
            "greenlets": self._greenlets(pid),
            "files": process.num_fds(),
            "memory": process.memory_info().rss // 1024,
        }

    def _greenlets(self, pid: int) -> int:
        count = self.folder / "counts" / str(pid)
        count.unlink(missing_ok=True)
        count.with_suffix(".asked").touch()
        self.until(count.exists)
        return int(count.read_text())
