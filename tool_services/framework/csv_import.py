"""A service's `import` command: read a CSV file of any size into the database.

Importing the same file again changes only what has changed.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Generic, TypeVar, cast

import click
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from pydantic import BaseModel, ValidationError
from sqlalchemy import Table, inspect, text

BATCH_ROWS = 1_000
MAX_REPORTED = 100
MAX_FIELD_CHARS = 1_000_000
LONGEST_QUOTE = 40

Row = TypeVar("Row", bound=BaseModel)


@dataclass(frozen=True)
class CsvFormat(Generic[Row]):
    """How to read and store the lines of a file.

    `required` are the columns that a file must have, each with its other names. `read_line` makes
    a row of a line, or raises pydantic's ValidationError. `store` writes a batch, without a commit.
    """

    description: str
    required: tuple[tuple[str, ...], ...]
    read_line: Callable[[Mapping[str, str]], Row]
    store: Callable[[Sequence[Row]], None]


@dataclass
class _Counts:
    """How many lines were stored and refused so far."""

    stored: int = 0
    refused: int = 0


class _LineError(Exception):
    """A line with more fields than the header."""


def add_import_command(app: Flask, database: SQLAlchemy, csv_format: CsvFormat[Row]) -> None:
    """Add the command `import FILE`.

    It exits with 1 if it refused a line. The other lines are stored.
    """

    @app.cli.command("import", help=f"Import a CSV file of {csv_format.description}.")
    @click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
    def import_file(file: Path) -> None:
        counts = _Counts()
        with file.open("rb") as raw, _long_fields(), _progress_bar(file) as bar:
            for rows, position in _batches(raw, csv_format, counts):
                csv_format.store(rows)
                database.session.commit()
                counts.stored += len(rows)
                bar.update(position - bar.pos)
        _analyze(database)
        click.echo(f"{counts.stored} stored, {counts.refused} refused.")
        if counts.refused > MAX_REPORTED:
            click.echo(f"Only the first {MAX_REPORTED} refused lines are listed.", err=True)
        if counts.refused:
            raise SystemExit(1)


def upsert(
    database: SQLAlchemy,
    model: Any,
    key: tuple[str, ...],
    values: Sequence[Mapping[str, Any]],
) -> None:
    """Insert rows, or replace those with the same `key`.

    Names in `values` that are no columns of the table are ignored.
    """
    table = cast(Table, inspect(model).local_table)
    names = [column.name for column in table.columns if column.name in values[0]]
    # One statement can't change a row twice. Of several values with the same key, the last counts.
    latest = {tuple(row[name] for name in key): row for row in values}
    rows = [{name: row[name] for name in names} for row in latest.values()]
    insert = import_module(f"sqlalchemy.dialects.{database.engine.dialect.name}").insert
    statement = insert(table)
    changes = {name: statement.excluded[name] for name in names if name not in key}
    # The rows are passed beside the statement: both databases limit the values within one.
    database.session.execute(
        statement.on_conflict_do_update(index_elements=key, set_=changes), rows
    )


@contextmanager
def _long_fields() -> Iterator[None]:
    """Allow fields longer than the csv module's default, which holds for the whole process."""
    before = csv.field_size_limit(MAX_FIELD_CHARS)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _progress_bar(file: Path) -> Any:
    return click.progressbar(length=file.stat().st_size, label=file.name)


def _batches(
    raw: BinaryIO, csv_format: CsvFormat[Row], counts: _Counts
) -> Iterator[tuple[list[Row], int]]:
    """Yield batches of rows, each with the position in the file that was read up to, in bytes."""
    with TextIOWrapper(raw, "utf-8-sig", newline="") as text_lines:
        lines = csv.DictReader(text_lines, restkey="", restval="")
        try:
            _check_header(lines.fieldnames or (), csv_format)
            rows = _rows(lines, csv_format, counts)
            while batch := list(islice(rows, BATCH_ROWS)):
                yield batch, raw.tell()
        except UnicodeDecodeError:
            # It is unknown where the next line begins.
            raise click.ClickException(
                f"The file isn't UTF-8 after line {lines.line_num}. Convert it and import it again."
            ) from None


def _check_header(names: Sequence[str], csv_format: CsvFormat[Row]) -> None:
    missing = [column[0] for column in csv_format.required if not set(column) & set(names)]
    if missing:
        raise click.ClickException(
            f"The first line must name the columns. Missing: {', '.join(missing)}."
        )


def _rows(lines: csv.DictReader[str], csv_format: CsvFormat[Row], counts: _Counts) -> Iterator[Row]:
    """Yield the lines that can be stored. Count and report the others."""
    while True:
        try:
            line = next(lines)
            if "" in line:
                raise _LineError("it has more fields than the first line")
            yield csv_format.read_line(line)
        except StopIteration:
            return
        except (ValidationError, csv.Error, _LineError) as error:
            counts.refused += 1
            if counts.refused <= MAX_REPORTED:
                click.echo(f"\rline {lines.line_num}: {_explain(error)}", err=True)


def _explain(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    return "; ".join(
        f"{problem['loc'][0]} is missing"
        if problem["type"] == "missing"
        else f"{problem['loc'][0]} is {str(problem['input'])[:LONGEST_QUOTE]!r}: {problem['msg']}"
        for problem in error.errors()
    )


def _analyze(database: SQLAlchemy) -> None:
    """Refresh the database's statistics, so that it plans searches well."""
    engine = database.engine
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE" if engine.dialect.name == "sqlite" else "VACUUM ANALYZE"))
