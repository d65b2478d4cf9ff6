"""PostgreSQL connections that give up a server which accepts a query and never answers.

They do so only in a process that gevent serves. A command such as `flask db upgrade` waits as the
driver does, since a migration may take its time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import closing
from math import inf
from typing import Any

import gevent
import psycopg
from gevent import monkey
from sqlalchemy import Engine, event
from sqlalchemy.exc import InvalidatePoolError

from app.db.connection import PATIENCE_SECONDS

# Waiting is counted in polls rather than seconds: a worker that got no processor for a while, or a
# machine that slept, has not waited.
_POLL_SECONDS = 0.1
_MOST_POLLS = PATIENCE_SECONDS * 10
# A pooled connection that answered so recently is used without asking it first: 0.42 instead of
# 0.56 ms of CPU for one query.
_FRESH_SECONDS = 1.0

_Waiting = Generator[Any, Any, Any]
"""A step of the driver: yields what to wait for, is sent what is ready (0 for nothing yet)."""


class Server:
    """What this process knows of its PostgreSQL server; `server_watch` keeps it up to date."""

    hangs = False


server = Server()


class NoAnswer(psycopg.OperationalError):
    """The server accepted a query and doesn't answer."""


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that raises NoAnswer once the server has been silent for too long.

    `answered_at` is when the server last answered, in seconds of the monotonic clock.
    """

    answered_at = -inf

    @classmethod
    def _connect_gen(cls, conninfo: str = "") -> Any:
        step = super()._connect_gen(conninfo)
        return _give_up(cls.is_too_long, step) if _gevent_serves() else step

    def wait(self, gen: Any, *arguments: Any, **options: Any) -> Any:
        if arguments or options or not _gevent_serves():
            return super().wait(gen, *arguments, **options)
        try:
            return self._wait_in_hub(_give_up(self.is_too_long, gen))
        except BaseException as error:
            # Nobody will read the answer of a query that was given up: close the connection.
            if isinstance(error, NoAnswer) or not isinstance(error, Exception):
                self.pgconn.finish()
            raise

    def _wait_in_hub(self, step: _Waiting) -> Any:
        """Run a step of the driver and return its result.

        Waits for the socket in gevent's hub rather than by `select`, as the driver does: 0.57
        instead of 0.66 ms of CPU for a transaction of two queries.
        """
        with closing(step):
            try:
                wanted = next(step)
                while True:
                    if ready := _is_ready(self.pgconn.socket, wanted):
                        self.answered_at = time.monotonic()
                    wanted = step.send(wanted if ready else 0)
            except StopIteration as end:
                return end.value

    def check(self) -> None:
        """Ask the server for an answer unless it has just given one. Raises psycopg.Error."""
        if time.monotonic() - self.answered_at > _FRESH_SECONDS:
            self.autocommit = True
            self.execute("SELECT 1")
            self.autocommit = False

    @staticmethod
    def is_too_long(polls: int) -> bool:
        """Whether to give up after so many polls without an answer."""
        return server.hangs or polls > _MOST_POLLS


def bound_connections(engine: Engine) -> None:
    """Have the engine open such connections, and check those that it has kept."""
    event.listen(engine, "do_connect", _connect)
    event.listen(engine, "checkout", _check_pooled)


def _connect(_dialect: Any, _record: Any, _arguments: Any, options: Any) -> BoundedConnection:
    return BoundedConnection.connect(**options)


def _check_pooled(connection: Any, _record: Any, _proxy: Any) -> None:
    """If a pooled connection has lost its server, so have all others: drop them all."""
    try:
        connection.check()
    except psycopg.Error as error:
        raise InvalidatePoolError(str(error)) from error


def _gevent_serves() -> bool:
    return monkey.is_module_patched("select")


def _is_ready(socket: int, wanted: int) -> bool:
    """Wait for one poll. `wanted`: 1 to read, 2 to write, 3 for both, as psycopg and gevent say."""
    hub = gevent.get_hub()
    watcher = hub.loop.io(socket, wanted)
    try:
        with gevent.Timeout(_POLL_SECONDS, False):  # type: ignore[arg-type]
            hub.wait(watcher)
            return True
        return False
    finally:
        watcher.close()


def _give_up(is_too_long: Callable[[int], bool], step: _Waiting) -> _Waiting:
    """Pass a step of the driver on; raise NoAnswer after too many polls in a row without one."""
    polls = 0
    with closing(step):
        try:
            wanted = next(step)
            while True:
                ready = yield wanted
                polls = 0 if ready else polls + 1
                if polls and is_too_long(polls):
                    raise NoAnswer("the database does not answer")
                wanted = step.send(ready)
        except StopIteration as end:
            return end.value
