"""Open a service's database: SQLite, or PostgreSQL, by any number of processes at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import URL, event, literal, make_url, select
from sqlalchemy.exc import SQLAlchemyError
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random

from tool_services.framework.once import make_ledger
from tool_services.framework.private_files import keep_database_private, make_private_folder
from tool_services.framework.revisions import UpgradeFailed, has_migrations, is_newest
from tool_services.framework.samples import Sample, add_seed_command, load_samples
from tool_services.framework.settings import stop

# The first GiB of a SQLite file is read from the system's own cache, without a copy.
_MMAP_BYTES = 2**30


def open_database(
    app: Flask,
    database: SQLAlchemy,
    *,
    setting: str,
    url: str,
    samples: Sequence[Sample],
    has_ledger: bool = False,
) -> None:
    """Connect the app, upgrade the tables, and load `samples` into empty ones.

    `has_ledger` says whether the service has tools that are done once per key.

    The migrations are in `migrations/versions/` in the app's folder. Adds the command `seed`. If
    the database can't be opened, the program stops with a sentence that names `setting`.
    """
    folder = Path(app.root_path)
    if not has_migrations(folder):
        name = folder.name
        stop(f"The tables of {name} are in no migration. Run make migration SERVICE={name}.")
    try:
        _connect(app, database, make_url(url))
        with app.app_context():
            _prepare_tables(database, folder, samples, has_ledger)
    except (SQLAlchemyError, UpgradeFailed, ImportError, OSError) as error:
        reason = getattr(error, "orig", None) or error
        stop(f"The database in {setting} can't be opened: {reason}. Change {setting}.")
    add_seed_command(app, database, samples)


def check_tables(database: SQLAlchemy | None) -> None:
    """Read from a table, if the service has any. Raises a SQLAlchemyError if that fails."""
    if database is not None:
        table = database.metadata.sorted_tables[0]
        database.session.scalar(select(literal(1)).select_from(table).limit(1))


def _upgrade_if_needed(database: SQLAlchemy, folder: Path) -> None:
    """Upgrade the tables unless they are at the newest revision. Raises UpgradeFailed."""
    if not is_newest(database, folder):
        # Not above: few starts upgrade anything, and Alembic takes 6 MB and 0.15 s.
        from tool_services.framework.migrations import upgrade_schema

        upgrade_schema(database, folder)


def _connect(app: Flask, database: SQLAlchemy, url: URL) -> None:
    if url.drivername in ("postgres", "postgresql"):
        url = url.set(drivername="postgresql+psycopg")
    on_sqlite = url.get_backend_name() == "sqlite"
    if on_sqlite:
        make_private_folder(Path(app.instance_path))
        if url.database and Path(url.database).is_absolute():
            Path(url.database).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    # Logged statements must not contain people's addresses.
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"hide_parameters": True}
    database.init_app(app)
    with app.app_context():
        if on_sqlite:
            event.listen(database.engine, "do_connect", _keep_private)
            event.listen(database.engine, "connect", _set_pragmas)


def _keep_private(_dialect: Any, _record: Any, arguments: Any, _options: Any) -> None:
    keep_database_private(arguments[0])


def _set_pragmas(connection: Any, _record: object) -> None:
    pragmas = (
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "foreign_keys=ON",
        f"mmap_size={_MMAP_BYTES}",
    )
    for pragma in pragmas:
        connection.execute(f"PRAGMA {pragma}")


def _prepare_tables(
    database: SQLAlchemy, folder: Path, samples: Sequence[Sample], has_ledger: bool
) -> None:
    """Upgrade and fill the tables. Processes that start at once wait for each other.

    One that waited for too long, or was overtaken by a newer version's upgrade, tries again.
    """
    for attempt in Retrying(
        retry=retry_if_exception_type((SQLAlchemyError, UpgradeFailed)),
        stop=stop_after_attempt(6),
        wait=wait_random(0.02, 0.2),
        reraise=True,
    ):
        with attempt:
            database.session.rollback()
            _upgrade_if_needed(database, folder)
            if has_ledger:
                make_ledger(database)
            load_samples(database, samples)
