"""What a measurement needs around it: the upstream, a prepared instance folder, the servers."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Any

import requests

from bench.accounts import Account
from bench.contenders import Contender, FastApi, Flask, Homestream, env_without_settings
from bench.servers import Servers
from scripts import ROOT
from scripts.child_processes import start
from scripts.local_servers import Postgres, Valkey
from scripts.ports import free_port

PRODUCT = ("html", "json")
RELAYS = ("fastapi", "flask")
SHARED = ("html-valkey", "html-2-workers")
"""The product with servers: one worker with its event log on Valkey; two workers on both."""

_SETTINGS = {
    "MODEL": "scripted",
    "MAX_RUNS": "5000",
    "MAX_RUNS_PER_WORKER": "5000",
    "MAX_STREAMS": "5000",
    "ACCESS_TOKEN_MINUTES": "1440",
    # Long enough for an answer of 50,000 tokens.
    "RUN_TIMEOUT": "3600",
}


class UpstreamProcess:
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
        """Set the length of the next answers and the seconds between two tokens."""
        settings = {"tokens": tokens, "interval": interval}
        requests.post(f"{self._url}/settings", json=settings, timeout=10)

    def record(self) -> dict[str, Any]:
        """Return the times that it recorded since `set`, and the CPU that it has used in all."""
        record: dict[str, Any] = requests.get(f"{self._url}/record", timeout=30).json()
        return record

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)


class Environment:
    """Everything around the contenders, for up to `streams` streams at once."""

    def __init__(self, streams: int) -> None:
        self._streams = streams
        self._stack = ExitStack()

    def __enter__(self) -> Environment:
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="homestream-bench-"))
        self.folder = Path(folder)
        self.upstream = UpstreamProcess()
        self._stack.callback(self.upstream.stop)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def instance(self) -> Path:
        return self.folder / "instance"

    @cached_property
    def accounts(self) -> list[Account]:
        """Accounts in the SQLite database of the instance folder."""
        return self._create_accounts(f"sqlite:///{self.instance / 'homestream.db'}")

    @cached_property
    def servers(self) -> Servers:
        """PostgreSQL and Valkey, started on first use."""
        postgres = Postgres(self.folder / "postgres", free_port(), durable=True)
        valkey = Valkey(self.folder / "valkey", free_port())
        self._stack.callback(postgres.remove)
        self._stack.enter_context(postgres)
        self._stack.enter_context(valkey)
        return Servers(postgres, valkey, self._create_accounts(postgres.url))

    def server_usage(self) -> dict[str, float]:
        """Return what the servers have used; nothing if they were never needed."""
        return self.servers.usage() if "servers" in self.__dict__ else {}

    def contender(self, name: str) -> Contender:
        """Return the contender of this name, not yet started."""
        base_url = self.upstream.base_url
        if name == "fastapi":
            return FastApi(name, base_url)
        if name == "flask":
            return Flask(name, base_url)
        accounts, settings = self.accounts, dict(_SETTINGS)
        if name in SHARED:
            settings["REDIS_URL"] = self.servers.empty_valkey()
        if name == "html-2-workers":
            accounts = self.servers.accounts
            settings |= {"DATABASE_URL": self.servers.copy_database(), "WEB_WORKERS": "2"}
        return Homestream(
            name,
            base_url,
            folder=self.instance,
            fragments=name != "json",
            settings=settings,
            accounts=accounts,
        )

    def _create_accounts(self, database: str) -> list[Account]:
        env = {
            **env_without_settings(),
            "INSTANCE_DIR": str(self.instance),
            "DATABASE_URL": database,
            "OPENAI_BASE_URL": self.upstream.base_url,
            "MODEL": "scripted",
        }
        command = [sys.executable, "-m", "bench.accounts", str(self._streams)]
        done = subprocess.run(command, cwd=self.folder, env=env, stdout=subprocess.PIPE, check=True)  # noqa: S603
        return [Account(**account) for account in json.loads(done.stdout.splitlines()[-1])]
