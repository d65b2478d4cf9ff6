"""gunicorn's settings for the web app.

It imports nothing of the app, which each worker loads, so that a reload (SIGHUP) brings new code.
"""

from functools import cache
from importlib import metadata

from gevent import monkey

# gevent asks for plug-ins 25 times while it patches, and each time all packages would be looked
# through: with the 180 of the tests' environment 0.2 s of CPU instead of 0.06.
metadata.entry_points = cache(metadata.entry_points)  # type: ignore[assignment]
monkey.patch_all()

import gc  # noqa: E402
import os  # noqa: E402
import resource  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from collections import Counter  # noqa: E402
from collections.abc import Iterator  # noqa: E402
from contextlib import contextmanager  # noqa: E402
from dataclasses import dataclass  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402
from dotenv import dotenv_values  # noqa: E402
from gunicorn.workers.ggevent import GeventWorker  # noqa: E402

# Where each greenlet was spawned is only for debugging, and would be kept as long as it lives.
gevent.config.track_greenlet_tree = False

# A worker loads its app without the garbage collector, which then leaves what was loaded alone: all
# of it stays to the end. A start and end of `make run` take 6.1 s of CPU instead of 7.7.
gc.disable()

_settings = {**dotenv_values(".env"), **os.environ}

bind = f"{_settings.get('WEB_HOST') or '127.0.0.1'}:{_settings.get('WEB_PORT') or 8000}"
_ENOUGH_FILES = 10_000
# An answer takes two files, the connections to its reader and to the model, and many systems allow
# 1024 for a process.
_files, _most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
if _files < _ENOUGH_FILES:
    _allowed = _ENOUGH_FILES if _most_files < 0 else min(_most_files, _ENOUGH_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (_allowed, _most_files))

# Seconds for a connection's first request head, and for a request's body.
_HEAD_SECONDS = 10
_BODY_SECONDS = 30


@dataclass(eq=False)
class _Waiting:
    """A connection that a worker waits for: it is to send a request's head, or its body."""

    address: str
    greenlet: Any
    timer: gevent.Timeout


class _WaitingConnections:
    """The connections that a worker waits for, up to `most`.

    Above that, one of them is closed. A connection that sends its request at once is here for a
    moment only, so those that are closed are the silent and the slow ones.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: dict[_Waiting, None] = {}  # the oldest first
        self._by_address: Counter[str] = Counter()

    @contextmanager
    def wait(self, address: str, seconds: float) -> Iterator[None]:
        """Give what is inside up to `seconds`. It is left early, and silently, when they are over,
        or when there are too many and this is the oldest of the address that has most."""
        timer = gevent.Timeout(seconds, False)  # type: ignore[arg-type]
        waiting = _Waiting(address, gevent.getcurrent(), timer)
        self._waiting[waiting] = None
        self._by_address[address] += 1
        try:
            if len(self._waiting) > self._most:
                self._end_one()
            with timer:
                yield
        finally:
            self._forget(waiting)

    def _end_one(self) -> None:
        [(address, _)] = self._by_address.most_common(1)
        oldest = next(waiting for waiting in self._waiting if waiting.address == address)
        self._forget(oldest)
        oldest.greenlet.kill(oldest.timer, block=False)

    def _forget(self, waiting: _Waiting) -> None:
        if waiting in self._waiting:
            del self._waiting[waiting]
            self._by_address[waiting.address] -= 1
            if not self._by_address[waiting.address]:
                del self._by_address[waiting.address]


class _BoundedReader:
    """Reads a request's body within a time."""

    def __init__(self, reader: Any, address: str, connections: _WaitingConnections) -> None:
        self._reader = reader
        self._address = address
        self._connections = connections
        self._left = float(_BODY_SECONDS)

    def read(self, size: int) -> bytes:
        since = time.monotonic()
        with self._connections.wait(self._address, self._left):
            data: bytes = self._reader.read(size)
            self._left -= time.monotonic() - since
            return data
        # Not above: only a worker needs it, and has it; its master can do without 2 MB.
        from werkzeug.exceptions import RequestTimeout

        raise RequestTimeout


class PatientWorker(GeventWorker):
    """gunicorn's gevent worker, which waits only so long, and for so many connections."""

    def init_process(self) -> None:
        self._connections = _WaitingConnections(self.cfg.worker_connections // 2)
        super().init_process()

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        me: Any = gevent.getcurrent()
        me.address = addr[0] if isinstance(addr, tuple) else ""
        super().handle(listener, client, addr)

    def timeout_ctx(self) -> Any:
        """gunicorn reads a head within this."""
        me: Any = gevent.getcurrent()
        seconds = self.cfg.keepalive if getattr(me, "was_served", False) else _HEAD_SECONDS
        me.was_served = True
        return self._connections.wait(me.address, seconds)

    def handle_request(self, listener_name: Any, req: Any, sock: Any, addr: Any) -> Any:
        me: Any = gevent.getcurrent()
        req.body.reader = _BoundedReader(req.body.reader, me.address, self._connections)
        return super().handle_request(listener_name, req, sock, addr)


worker_class = PatientWorker
# More than one needs REDIS_URL: without it, the event log is in this process's memory.
_workers = _settings.get("WEB_WORKERS") or "1"
if not _workers.isdecimal() or int(_workers) < 1:
    sys.exit(f"WEB_WORKERS is {_workers!r}, but must be a whole number from 1")
workers = int(_workers)
worker_connections = 2000
# Seconds for answers to finish in; another worker goes on with those that don't.
graceful_timeout = 30
keepalive = 75
control_socket_disable = True


def post_worker_init(worker: Any) -> None:
    gc.freeze()
    gc.enable()
    services = _services(worker)
    if services is not None:
        services.start()
        gevent.spawn(_drain_when_told, worker, services)


def _drain_when_told(worker: Any, services: Any) -> None:
    """gunicorn tells a worker to stop by this attribute alone."""
    while worker.alive:
        gevent.sleep(0.1)
    services.drain(worker.cfg.graceful_timeout)


def worker_exit(_server: Any, worker: Any) -> None:
    services = _services(worker)
    if services is not None:
        services.stop()


def _services(worker: Any) -> Any:
    """The web app's services; None for a worker that failed to load its app."""
    return getattr(getattr(worker, "wsgi", None), "extensions", {}).get("services")
