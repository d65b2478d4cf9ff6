"""A service's own database: opened, created and filled, also when several processes start."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import URL, event, func, inspect, make_url, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random

from tool_services.settings import stop

_FROM_TEXT: dict[type, Callable[[str], Any]] = {
    int: int,
    float: float,
    str: str,
    datetime: lambda text: datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None),
}


@dataclass(frozen=True)
class Sample:
    """The rows that a new table starts with: a CSV file headed by the table's column names."""

    model: type[DeclarativeBase]
    file: Path


def utc_now() -> datetime:
    """The present in UTC, without a zone: the form in which all times are stored."""
    return datetime.now(UTC).replace(tzinfo=None)


def iso_utc(moment: datetime) -> str:
    """A stored time as ISO 8601, such as 2024-01-15T10:30:00Z."""
    return moment.isoformat(timespec="seconds") + "Z"


def open_database(
    app: Flask, database: SQLAlchemy, *, setting: str, url: str, samples: Sequence[Sample]
) -> None:
    """Connect `app`, make missing tables, fill empty ones, and add the `seed` command.

    A database that can't be opened stops the program; the sentence names `setting`.
    """
    try:
        _connect(app, database, make_url(url))
        with app.app_context():
            _create_and_load(database, samples)
    except (SQLAlchemyError, ImportError, OSError) as error:
        reason = getattr(error, "orig", None) or error
        stop(f"The database that {setting} names can't be opened: {reason}. Change {setting}.")
    _add_seed_command(app, database, samples)


def _connect(app: Flask, database: SQLAlchemy, url: URL) -> None:
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
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _create_and_load(database: SQLAlchemy, samples: Sequence[Sample]) -> None:
    # Of several processes that start at once, one wins; the others fail, and find its rows then.
    for attempt in Retrying(
        retry=retry_if_exception_type(SQLAlchemyError),
        stop=stop_after_attempt(6),
        wait=wait_random(0.02, 0.2),
        reraise=True,
    ):
        with attempt:
            database.session.rollback()
            database.create_all()
            for sample in samples:
                _load(database, sample)


def _load(database: SQLAlchemy, sample: Sample) -> None:
    if _count(database, sample) == 0:
        database.session.add_all(_rows(sample))
    database.session.commit()


def _count(database: SQLAlchemy, sample: Sample) -> int:
    return database.session.scalar(select(func.count()).select_from(sample.model)) or 0


def _rows(sample: Sample) -> list[DeclarativeBase]:
    columns = inspect(sample.model).columns
    with sample.file.open(newline="", encoding="utf-8") as lines:
        return [
            sample.model(
                **{name: _FROM_TEXT[columns[name].type.python_type](row[name]) for name in row}
            )
            for row in csv.DictReader(lines)
        ]


def _add_seed_command(app: Flask, database: SQLAlchemy, samples: Sequence[Sample]) -> None:
    @app.cli.command("seed")
    def seed() -> None:
        """Create missing tables and load the sample rows into empty ones."""
        _create_and_load(database, samples)
        for sample in samples:
            click.echo(f"{sample.model.__tablename__}: {_count(database, sample)} rows")
