"""The database as an engine that can fail: how it is connected to, and whether it is there."""

from __future__ import annotations

import time
from typing import Any

import psycopg
from gevent import monkey
from sqlalchemy import URL, Dialect, Engine, event, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

# Seconds. A server under load may need a while; one that was silent just now isn't waited for long.
_PATIENCE = 5
_SHORT_PATIENCE = 2
_MEMORY = 15
_silent_at = float("-inf")
# Connection lost, resources gone, shutting down or starting up.
_PASSING = ("08", "53", "57P")


def url_of(setting: str) -> URL:
    """The URL with this program's driver; the plain forms of it are what providers hand out."""
    url = make_url(setting)
    if url.drivername in ("postgres", "postgresql"):
        return url.set(drivername="postgresql+psycopg")
    return url


def options(url: URL, connections: int) -> dict[str, Any]:
    """SQLAlchemy's engine options. Nothing waits for long for a server that doesn't answer."""
    if url.get_backend_name() != "postgresql":
        return {}
    return {
        "pool_size": connections,
        "max_overflow": connections,
        "pool_timeout": _PATIENCE,
        "pool_pre_ping": True,
        "connect_args": {
            "tcp_user_timeout": _PATIENCE * 1000,
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 2,
            "options": "-c idle_in_transaction_session_timeout=30000",
        },
    }


class _Bounded(psycopg.Connection[Any]):
    """A connection that gives up a server which takes a question and never answers. Only where
    gevent serves: a command such as `flask db upgrade` may take its time."""

    def wait(self, gen: Any, *arguments: Any, **options: Any) -> Any:
        if not monkey.is_module_patched("select"):
            return super().wait(gen, *arguments, **options)
        try:
            # The driver looks for an answer before it looks at the clock: a worker that was too
            # busy to ask takes what came meanwhile.
            return super().wait(gen, timeout=_patience())
        except psycopg.errors._WaitTimeout:
            self.pgconn.finish()
            _was_silent()
            raise psycopg.OperationalError("the database does not answer") from None
        except BaseException as error:
            # What was under way is in nobody's hands now: the connection is of no use.
            if not isinstance(error, Exception):
                self.pgconn.finish()
            raise


@event.listens_for(Engine, "do_connect")
def _connect(dialect: Dialect, _record: Any, _arguments: Any, parameters: dict[str, Any]) -> Any:
    if dialect.name != "postgresql":
        return None
    try:
        return _Bounded.connect(**{**parameters, "connect_timeout": _patience()})
    except psycopg.errors.ConnectionTimeout:
        _was_silent()
        raise


def _patience() -> int:
    return _SHORT_PATIENCE if time.monotonic() - _silent_at < _MEMORY else _PATIENCE


def _was_silent() -> None:
    global _silent_at
    _silent_at = time.monotonic()


def is_away(error: BaseException) -> bool:
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
