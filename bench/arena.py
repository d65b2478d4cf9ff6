"""What a measurement needs around it: the upstream, a prepared instance, the engines, and the
contenders by name."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg
import redis
import requests

from bench.contenders import Contender, FastApi, Flask, Homestream, unset_env
from bench.people import Person
from scripts import ROOT
from scripts.child_processes import start
from scripts.local_servers import Postgres, Valkey
from scripts.ports import free_port

PRODUCT = ("html", "json")
RELAYS = ("fastapi", "flask")
SHARED = ("html-valkey", "html-2-workers")
"""The product on engines: one worker whose event log is on Valkey; two workers on both."""

_SETTINGS = {
    "MODEL": "scripted",
    "MAX_RUNS": "5000",
    "MAX_RUNS_PER_WORKER": "5000",
    "MAX_STREAMS": "5000",
    "ACCESS_TOKEN_MINUTES": "1440",
    # However long an answer of 50,000 tokens may take.
    "RUN_TIMEOUT": "3600",
}


class Scripted:
    """The scripted upstream, in a process of its own."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "bench.upstream", "--port", "0"]
        self._process = start(command, cwd=ROOT, stdout=subprocess.PIPE)
        assert self._process.stdout is not None  # noqa: S101
        self.port = int(self._process.stdout.readline().split()[-1])
        self._url = f"http://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        return f"{self._url}/v1"

    def set(self, tokens: int, interval: float) -> None:
        chosen = {"tokens": tokens, "interval": interval}
        requests.post(f"{self._url}/settings", json=chosen, timeout=10)

    def record(self) -> dict[str, Any]:
        """What it wrote down since `set`, and the CPU that it has used in all."""
        told: dict[str, Any] = requests.get(f"{self._url}/record", timeout=30).json()
        return told

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)


@dataclass
class Engines:
    """PostgreSQL with the people in it, and Valkey."""

    postgres: Postgres
    valkey: Valkey
    people: list[Person]
    copies: int = 0

    def fresh_database(self) -> str:
        """The URL of a new copy of the prepared database."""
        self.copies += 1
        where, _, prepared = self.postgres.url.rpartition("/")
        name = f"bench_{self.copies}"
        with psycopg.connect(f"{where}/postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {prepared}")
        return f"{where}/{name}"

    def empty_valkey(self) -> str:
        with redis.Redis.from_url(self.valkey.url) as client:
            client.flushall()
            client.config_resetstat()
        return self.valkey.url

    def used(self) -> dict[str, float]:
        """CPU seconds so far, and what was asked of each since the last fresh start."""
        with redis.Redis.from_url(self.valkey.url) as client:
            told = client.info()
        return {
            "valkey_cpu": told["used_cpu_user"] + told["used_cpu_sys"],
            "valkey_commands": told["total_commands_processed"],
            "valkey_bytes_in": told["total_net_input_bytes"],
            "valkey_bytes_out": told["total_net_output_bytes"],
            "valkey_memory": told["used_memory"],
            "postgres_cpu": _cpu_of_tree(self.postgres.pid),
            "postgres_transactions": self._transactions(),
        }

    def _transactions(self) -> float:
        if not self.copies:
            return 0
        where = self.postgres.url.rpartition("/")[0]
        query = "SELECT xact_commit FROM pg_stat_database WHERE datname = %s"
        with psycopg.connect(f"{where}/postgres", autocommit=True) as connection:
            found = connection.execute(query, [f"bench_{self.copies}"]).fetchone()
        return float(found[0]) if found else 0


def _cpu_of_tree(pid: int) -> float:
    """With the children that have ended; what is still there is counted by itself."""
    parent = psutil.Process(pid)
    children = parent.children(recursive=True)
    return sum(parent.cpu_times()[:4]) + sum(sum(one.cpu_times()[:2]) for one in children)


class Arena:
    """Everything around the contenders; `people` is how many streams there may be at once."""

    def __init__(self, people: int) -> None:
        self._count = people
        self._stack = ExitStack()
        self._people: list[Person] = []
        self._engines: Engines | None = None

    def __enter__(self) -> Arena:
        self.folder = Path(
            self._stack.enter_context(tempfile.TemporaryDirectory(prefix="homestream-bench-"))
        )
        self.upstream = Scripted()
        self._stack.callback(self.upstream.stop)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def instance(self) -> Path:
        return self.folder / "instance"

    @property
    def people(self) -> list[Person]:
        if not self._people:
            self._people = self._prepare(f"sqlite:///{self.instance / 'homestream.db'}")
        return self._people

    @property
    def engines(self) -> Engines:
        """Started when they are first asked for."""
        if self._engines is None:
            postgres = Postgres(self.folder / "postgres", free_port(), durable=True)
            valkey = Valkey(self.folder / "valkey", free_port())
            self._stack.callback(postgres.remove)
            self._stack.enter_context(postgres)
            self._stack.enter_context(valkey)
            self._engines = Engines(postgres, valkey, self._prepare(postgres.url))
        return self._engines

    def contender(self, name: str) -> Contender:
        base_url = self.upstream.base_url
        if name == "fastapi":
            return FastApi(name, base_url)
        if name == "flask":
            return Flask(name, base_url)
        people, settings = self.people, dict(_SETTINGS)
        if name in SHARED:
            settings["REDIS_URL"] = self.engines.empty_valkey()
        if name == "html-2-workers":
            people = self.engines.people
            settings |= {"DATABASE_URL": self.engines.fresh_database(), "WEB_WORKERS": "2"}
        return Homestream(name, base_url, [], 0, self.instance, name != "json", settings, people)

    def used_by_engines(self) -> dict[str, float]:
        return self._engines.used() if self._engines is not None else {}

    def _prepare(self, database: str) -> list[Person]:
        env = {
            **unset_env(),
            "INSTANCE_DIR": str(self.instance),
            "DATABASE_URL": database,
            "OPENAI_BASE_URL": self.upstream.base_url,
            "MODEL": "scripted",
        }
        command = [sys.executable, "-m", "bench.people", str(self._count)]
        done = subprocess.run(command, cwd=self.folder, env=env, stdout=subprocess.PIPE, check=True)  # noqa: S603
        return [Person(**person) for person in json.loads(done.stdout.splitlines()[-1])]
