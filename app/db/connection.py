"""The database as an engine that can fail: how it is connected to, and whether it is there."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator
from contextlib import closing
from math import inf
from typing import Any, TypeVar

import gevent
import psycopg
from gevent import monkey
from sqlalchemy import URL, Dialect, Engine, Pool, event, make_url
from sqlalchemy.exc import DBAPIError, InvalidatePoolError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.db.models import db

log = logging.getLogger(__name__)

Result = TypeVar("Result")
_Waits = Generator[Any, Any, Any]
_PATIENCE = 5  # seconds; a server under load may need a while for a commit
# Who waits looks for an answer, and finds none, ten times a second. What waits is counted in such
# looks: a worker that had no processor for a while, or a machine that slept, has not waited.
_LOOK_SECONDS = 0.1
_LOOKS = _PATIENCE * 10
_PULSE_LOOKS = 12
# A connection that has answered so lately need not be asked whether it still does.
_FRESH_SECONDS = 1.0
_PULSE_SECONDS = 0.3
_TRY_AGAIN_SECONDS = 0.5
# Connection lost, resources gone, shutting down or starting up.
_PASSING = ("08", "53", "57P")


def parse_url(setting: str) -> URL:
    """The URL with this program's driver; the plain forms of it are what providers hand out."""
    url = make_url(setting)
    if url.drivername in ("postgres", "postgresql"):
        return url.set(drivername="postgresql+psycopg")
    return url


def engine_options(url: URL, connections: int) -> dict[str, Any]:
    """SQLAlchemy's engine options. Nothing waits for long for a server that doesn't answer."""
    if url.get_backend_name() != "postgresql":
        return {}
    return {
        "pool_size": connections,
        "max_overflow": connections,
        "pool_timeout": _PATIENCE,
        "connect_args": {
            "tcp_user_timeout": _PATIENCE * 1000,
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 2,
            "options": "-c idle_in_transaction_session_timeout=30000",
        },
    }


class Unanswered(psycopg.OperationalError):
    """The server has taken a question and doesn't answer."""


class _Bounded(psycopg.Connection[Any]):
    """A connection that gives up a server which takes a question and never answers, and waits by
    gevent's loop itself. Only where gevent serves: a command such as `flask db upgrade` waits as
    the driver does, and may take its time."""

    answered_at = -inf
    """On the monotonic clock, in seconds."""

    @classmethod
    def _connect_gen(cls, conninfo: str = "") -> Any:
        gen = super()._connect_gen(conninfo)
        return _until(cls._is_enough, gen) if _gevent_serves() else gen

    def wait(self, gen: Any, *arguments: Any, **engine_options: Any) -> Any:
        if arguments or engine_options or not _gevent_serves():
            return super().wait(gen, *arguments, **engine_options)
        try:
            return self._waited_for(_until(self._is_enough, gen))
        except BaseException as error:
            # What was under way is in nobody's hands now: the connection is of no use.
            if isinstance(error, Unanswered) or not isinstance(error, Exception):
                self.pgconn.finish()
            raise

    def _waited_for(self, gen: _Waits) -> Any:
        """What the driver's `gen` returns. Its own way to wait for the socket, by `select`, made of
        a worker's CPU under load a twentieth."""
        with closing(gen):
            try:
                wanted = next(gen)
                while True:
                    if ready := _is_ready(self.pgconn.socket, wanted):
                        self.answered_at = time.monotonic()
                    wanted = gen.send(wanted if ready else 0)
            except StopIteration as end:
                return end.value

    def make_sure(self) -> None:
        """Ask whether the server is there, unless it has just answered. Raises psycopg.Error."""
        if time.monotonic() - self.answered_at > _FRESH_SECONDS:
            self.autocommit = True
            self.execute("SELECT 1")
            self.autocommit = False

    @staticmethod
    def _is_enough(looks: int) -> bool:
        return pulse.lost or looks > _LOOKS


class _Beat(_Bounded):
    """What asks whether the server is there isn't told so by its own answer."""

    @staticmethod
    def _is_enough(looks: int) -> bool:
        return looks > _PULSE_LOOKS


def _gevent_serves() -> bool:
    return monkey.is_module_patched("select")


def _is_ready(socket: int, wanted: int) -> bool:
    """Wait for as long as a look takes. What is wanted, to read, to write or both, has the same
    numbers here and there."""
    hub = gevent.get_hub()
    watcher = hub.loop.io(socket, wanted)
    try:
        with gevent.Timeout(_LOOK_SECONDS, False):  # type: ignore[arg-type]
            hub.wait(watcher)
            return True
        return False
    finally:
        watcher.close()


def _until(is_enough: Callable[[int], bool], gen: _Waits) -> _Waits:
    """The driver's `gen`, which asks to be waited for and is told what is ready. Unanswered when
    nothing was for so many looks, one after the other, that it `is_enough`."""
    looks = 0
    with closing(gen):
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                looks = 0 if ready else looks + 1
                if looks and is_enough(looks):
                    raise Unanswered("the database does not answer")
                wanted = gen.send(ready)
        except StopIteration as end:
            return end.value


class Pulse:
    """Whether this process's PostgreSQL answers at all: asked all the time, on a connection of its
    own, the least that can be asked. So a commit that takes long under load is waited for, and that
    the server hangs is known within two seconds, at once to all that wait for it."""

    def __init__(self) -> None:
        self.lost = False

    def watch(self, engine: Engine) -> None:
        """For ever; for a database without a server, not at all."""
        if engine.dialect.name != "postgresql":
            return
        try:
            while True:
                try:
                    self._feel(*engine.dialect.create_connect_args(engine.url))
                except psycopg.Error as error:
                    # One that refuses answers: whoever asks is told so without waiting.
                    self._note(lost=isinstance(error, Unanswered))
                gevent.sleep(_PULSE_SECONDS)
        finally:
            self.lost = False

    def _feel(self, arguments: Any, parameters: Any) -> None:
        with closing(_Beat.connect(*arguments, **parameters, autocommit=True)) as connection:
            while True:
                connection.execute("SELECT 1")
                self._note(lost=False)
                gevent.sleep(_PULSE_SECONDS)

    def _note(self, *, lost: bool) -> None:
        if lost != self.lost:
            log.warning("the database %s", "does not answer" if lost else "answers again")
        self.lost = lost


pulse = Pulse()


@event.listens_for(Engine, "do_connect")
def _connect(dialect: Dialect, _record: Any, _arguments: Any, parameters: dict[str, Any]) -> Any:
    return _Bounded.connect(**parameters) if dialect.name == "postgresql" else None


@event.listens_for(Pool, "checkout")
def _make_sure(connection: Any, _record: Any, _proxy: Any) -> None:
    """A pooled connection may be to a server that has gone meanwhile: all of its kind are, then."""
    if isinstance(connection, _Bounded):
        try:
            connection.make_sure()
        except psycopg.Error as error:
            raise InvalidatePoolError(str(error)) from error


def begin_read_only() -> None:
    """The current session, unless it has begun, is only going to read: with a server each question
    stands for itself then, and neither a transaction's beginning nor its end is sent there."""
    if db.engine.dialect.name == "postgresql" and not db.session().in_transaction():
        db.session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})


def is_unavailable(error: BaseException) -> bool:
    """Whether an error means that the database can't be reached now, and not that it said no."""
    if isinstance(error, PoolTimeout):
        return True
    if not isinstance(error, DBAPIError):
        return False
    state = getattr(error.orig, "sqlstate", None)
    passing = state is None or state.startswith(_PASSING)
    return error.connection_invalidated or (
        isinstance(error.orig, psycopg.OperationalError) and passing
    )


def retry_while_unavailable(work: Callable[[], Result], patience: float = inf) -> Result:
    """What `work` returns, tried again while the database can't be reached, for up to `patience`
    seconds. `work` begins a transaction of its own each time."""
    limit = time.monotonic() + patience
    while True:
        try:
            return work()
        except Exception as error:
            if not is_unavailable(error) or time.monotonic() > limit:
                raise
        gevent.sleep(_TRY_AGAIN_SECONDS)
