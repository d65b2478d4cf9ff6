"""How the app connects to its database, and how it tells that the database is away."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import inf
from pathlib import Path
from typing import Any, TypeVar

import gevent
from flask import Flask
from sqlalchemy import URL, Engine, event, make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.db.models import db
from tool_services.framework.private_files import keep_database_private, make_private_folder

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"
# Classes of SQLSTATE: connection lost, out of resources, shutting down or starting up.
_TEMPORARY = ("08", "53", "57P")
_RETRY_SECONDS = 0.5
PATIENCE_SECONDS = 5
"""Time for an answer of PostgreSQL. A server under load may need a while for a commit."""

Result = TypeVar("Result")


def init_app(app: Flask, database_url: str, connections: int) -> None:
    """Connect the app; each worker keeps up to `connections` to PostgreSQL open."""
    url = parse_url(database_url)
    if url.get_backend_name() == "sqlite":
        make_private_folder(Path(app.instance_path))
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(url, connections)
    db.init_app(app)
    with app.app_context():
        prepare(db.engine)


def add_migrations(app: Flask) -> None:
    """Let commands migrate the app's database."""
    # Not above: a serving process doesn't migrate, and can do without 6 MB.
    from flask_migrate import Migrate

    Migrate(app, db, str(MIGRATIONS), render_as_batch=True, include_name=_is_model)


def _is_model(name: str | None, kind: str, _parents: object) -> bool:
    """Whether a table is described by a model. The search index has tables of its own."""
    return kind != "table" or not (name or "").startswith("search_")


def parse_url(setting: str) -> URL:
    """Parse a database URL. Providers hand out postgres:// and postgresql://; name the driver."""
    url = make_url(setting)
    if url.drivername in ("postgres", "postgresql"):
        return url.set(drivername="postgresql+psycopg")
    return url


def engine_options(url: URL, connections: int) -> dict[str, Any]:
    """Return SQLAlchemy's engine options; with them nothing waits long for a silent server."""
    # People's addresses and messages don't belong in the log.
    options: dict[str, Any] = {"hide_parameters": True}
    if url.get_backend_name() != "postgresql":
        return options
    return options | {
        "pool_size": connections,
        "max_overflow": connections,
        "pool_timeout": PATIENCE_SECONDS,
        "connect_args": {
            "tcp_user_timeout": PATIENCE_SECONDS * 1000,
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 2,
            "options": "-c idle_in_transaction_session_timeout=30000",
        },
    }


def prepare(engine: Engine) -> None:
    """Set up an engine's connections to SQLite, and bound the waiting of those to PostgreSQL."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "do_connect", _keep_private)
        event.listen(engine, "connect", _set_up_sqlite)
        return
    # Not above: SQLite can do without the driver, which takes 5 MB.
    from app.db.bounded_psycopg import bound_connections

    bound_connections(engine)


def begin_read_only() -> None:
    """Read without a transaction from here on, unless the current session has begun one.

    PostgreSQL gets no BEGIN and no ROLLBACK then: 0.30 instead of 0.42 ms of CPU for one query.
    """
    if db.engine.dialect.name == "postgresql" and not db.session().in_transaction():
        db.session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})


def is_unavailable(error: BaseException) -> bool:
    """Whether the error means that the database can't be reached now, not that it refused."""
    if isinstance(error, PoolTimeout):
        return True
    if not isinstance(error, DBAPIError):
        return False
    # An error of SQLite has no such attribute; None means that no answer came.
    state = getattr(error.orig, "sqlstate", "")
    temporary = state is None or state.startswith(_TEMPORARY)
    return error.connection_invalidated or (isinstance(error, OperationalError) and temporary)


def retry_while_unavailable(work: Callable[[], Result], patience: float = inf) -> Result:
    """Do `work`, again while the database can't be reached, for up to `patience` seconds.

    `work` begins a transaction of its own each time.
    """
    limit = time.monotonic() + patience
    while True:
        try:
            return work()
        except Exception as error:
            if not is_unavailable(error) or time.monotonic() > limit:
                raise
        gevent.sleep(_RETRY_SECONDS)


def _keep_private(_dialect: Any, _record: Any, arguments: Any, _options: Any) -> None:
    keep_database_private(arguments[0])


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    """Let readers and the writer work side by side (WAL), and enforce foreign keys.

    The cache is small, since the operating system caches the file for all connections.
    """
    pragmas = ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "cache_size=-100")
    for pragma in pragmas:
        connection.execute(f"PRAGMA {pragma}")
