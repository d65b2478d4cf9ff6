"""Sample rows for empty tables."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import func, insert, inspect, select
from sqlalchemy.orm import DeclarativeBase

from tool_services.framework.exclusive import begin_exclusive
from tool_services.framework.timestamps import parse_utc

Rows = Iterable[Mapping[str, Any]]

_FROM_TEXT: dict[type, Callable[[str], Any]] = {
    int: int,
    float: float,
    str: str,
    date: date.fromisoformat,
    datetime: parse_utc,
}


@dataclass(frozen=True)
class Sample:
    """The rows that an empty table starts with, keyed by column names."""

    model: type[DeclarativeBase]
    rows: Callable[[], Rows]


def read_csv(model: type[DeclarativeBase], file: Path) -> Rows:
    """Yield the rows of a CSV file whose header has the names of the table's columns."""
    columns = inspect(model).columns
    with file.open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            yield {name: _FROM_TEXT[columns[name].type.python_type](row[name]) for name in row}


def load_samples(database: SQLAlchemy, samples: Sequence[Sample]) -> None:
    """Load each sample into its table if that is empty. Only one process does so."""
    session = database.session
    all_filled = all(_has_rows(database, sample) for sample in samples)
    session.rollback()
    if all_filled:
        return
    begin_exclusive(session.connection())
    for sample in samples:
        if not _has_rows(database, sample):
            session.execute(insert(sample.model), list(sample.rows()))
    session.commit()


def add_seed_command(app: Flask, database: SQLAlchemy, samples: Sequence[Sample]) -> None:
    """Add the command `seed`."""

    @app.cli.command("seed")
    def seed() -> None:
        """Load the sample rows into empty tables."""
        load_samples(database, samples)
        for sample in samples:
            click.echo(f"{sample.model.__tablename__}: {_count(database, sample)} rows")


def _has_rows(database: SQLAlchemy, sample: Sample) -> bool:
    return database.session.scalar(select(1).select_from(sample.model).limit(1)) is not None


def _count(database: SQLAlchemy, sample: Sample) -> int:
    return database.session.scalar(select(func.count()).select_from(sample.model)) or 0
