"""The database as an engine that can fail: how it is connected to, and whether it is there."""

from __future__ import annotations

from typing import Any

import psycopg
from sqlalchemy import URL, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

_PATIENCE = 2  # seconds
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
            "connect_timeout": _PATIENCE,
            "tcp_user_timeout": _PATIENCE * 1000,
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 2,
            # A statement that waits for a lock is told so rather than left.
            "options": "-c statement_timeout=15000 -c idle_in_transaction_session_timeout=30000",
        },
    }


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
