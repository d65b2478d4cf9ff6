"""A service's own database: opened, brought up to date and filled, by any number of processes."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import click
import flask_migrate
from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    URL,
    Connection,
    event,
    func,
    insert,
    inspect,
    make_url,
    select,
    text,
)
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random

from tool_services.framework.settings import stop

# So much of a SQLite file is read where the system has it in memory, and not copied once more.
_MAPPED = 2**30
# Any number will do, as long as it is always this one.
_LOCK = 4_711_001

_FROM_TEXT: dict[type, Callable[[str], Any]] = {
    int: int,
    float: float,
    str: str,
    date: date.fromisoformat,
    datetime: lambda text: datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None),
}


Rows = Iterable[Mapping[str, Any]]


@dataclass(frozen=True)
class Sample:
    """The rows that a new table starts with, by column names."""

    model: type[DeclarativeBase]
    rows: Callable[[], Rows]


def from_csv(model: type[DeclarativeBase], file: Path) -> Rows:
    """The rows of a CSV file headed by the table's column names."""
    columns = inspect(model).columns
    with file.open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            yield {name: _FROM_TEXT[columns[name].type.python_type](row[name]) for name in row}


def utc_now() -> datetime:
    """The present in UTC, without a zone: the form in which all times are stored."""
    return datetime.now(UTC).replace(tzinfo=None)


def iso_utc(moment: datetime) -> str:
    """A stored time as ISO 8601, such as 2024-01-15T10:30:00Z."""
    return moment.isoformat(timespec="seconds") + "Z"


def open_database(
    app: Flask,
    database: SQLAlchemy,
    *,
    setting: str,
    url: str,
    samples: Sequence[Sample],
) -> None:
    """Connect `app`, bring the tables up to date, fill empty ones with `samples`, and add the
    commands `seed` and `db`. The migrations are in `migrations/` beside the app's package.

    A database that can't be opened stops the program; the sentence names `setting`.
    """
    folder = Path(app.root_path) / "migrations"
    try:
        _connect(app, database, make_url(url))
        Migrate(app, database, directory=str(folder), render_as_batch=True)
        with app.app_context():
            _bring_up_to_date(database, folder, samples)
    except (SQLAlchemyError, ImportError, OSError) as error:
        reason = getattr(error, "orig", None) or error
        stop(f"The database that {setting} names can't be opened: {reason}. Change {setting}.")
    _add_seed_command(app, database, samples)


def _connect(app: Flask, database: SQLAlchemy, url: URL) -> None:
    if url.drivername in ("postgres", "postgresql"):
        url = url.set(drivername="postgresql+psycopg")
    on_sqlite = url.get_backend_name() == "sqlite"
    if on_sqlite and url.database and Path(url.database).is_absolute():
        Path(url.database).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    # Statements in the log must not spell out people's addresses.
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"hide_parameters": True}
    database.init_app(app)
    with app.app_context():
        if on_sqlite:
            event.listen(database.engine, "connect", _set_pragmas)


def _set_pragmas(connection: Any, _record: object) -> None:
    pragmas = ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", f"mmap_size={_MAPPED}")
    for pragma in pragmas:
        connection.execute(f"PRAGMA {pragma}")


def _bring_up_to_date(database: SQLAlchemy, folder: Path, samples: Sequence[Sample]) -> None:
    # Processes that start at once wait for each other; one that waited too long tries again.
    for attempt in Retrying(
        retry=retry_if_exception_type(SQLAlchemyError),
        stop=stop_after_attempt(6),
        wait=wait_random(0.02, 0.2),
        reraise=True,
    ):
        with attempt:
            database.session.rollback()
            if _revision(database) != _newest(folder):
                flask_migrate.upgrade(directory=str(folder))
            fill(database, samples)


def _newest(folder: Path) -> str:
    return max(file.name.partition("_")[0] for file in (folder / "versions").glob("[0-9]*.py"))


def _revision(database: SQLAlchemy) -> str | None:
    """The revision that the tables have; None for tables from before there were any."""
    if not inspect(database.engine).has_table("alembic_version"):
        return None
    with database.engine.connect() as connection:
        revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return revision


def begin_alone(connection: Connection) -> None:
    """Begin a transaction beside which no other one of this kind runs, in whatever process."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))


def fill(database: SQLAlchemy, samples: Sequence[Sample]) -> None:
    """Load each sample into its table if that is empty."""
    session = database.session
    if all(_has_rows(database, sample) for sample in samples):
        session.rollback()
        return
    session.rollback()
    begin_alone(session.connection())
    for sample in samples:
        if not _has_rows(database, sample):
            session.execute(insert(sample.model), list(sample.rows()))
    session.commit()


def _has_rows(database: SQLAlchemy, sample: Sample) -> bool:
    return database.session.scalar(select(1).select_from(sample.model).limit(1)) is not None


def _count(database: SQLAlchemy, sample: Sample) -> int:
    return database.session.scalar(select(func.count()).select_from(sample.model)) or 0


def _add_seed_command(app: Flask, database: SQLAlchemy, samples: Sequence[Sample]) -> None:
    @app.cli.command("seed")
    def seed() -> None:
        """Load the sample rows into empty tables."""
        fill(database, samples)
        for sample in samples:
            click.echo(f"{sample.model.__tablename__}: {_count(database, sample)} rows")
