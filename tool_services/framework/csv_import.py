"""A service's `import` command: a CSV file of any size, read as it goes, that may be told twice."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Generic, TypeVar, cast

import click
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from pydantic import BaseModel, ValidationError
from sqlalchemy import Table, inspect, text
from sqlalchemy.dialects import postgresql, sqlite

BATCH = 1_000
MOST_SHOWN = 100
LONGEST_FIELD = 1_000_000

Row = TypeVar("Row", bound=BaseModel)
Store = Callable[[Sequence[Row]], None]


@dataclass(frozen=True)
class Reader(Generic[Row]):
    """`required` are columns that a file must have, each with its other names; `read` makes a
    line a row, or raises pydantic's ValidationError."""

    required: tuple[tuple[str, ...], ...]
    read: Callable[[Mapping[str, str]], Row]


@dataclass
class Tally:
    """What became of the lines so far."""

    stored: int = 0
    refused: int = 0


def upsert(
    database: SQLAlchemy,
    model: Any,
    key: tuple[str, ...],
    values: Sequence[Mapping[str, Any]],
) -> None:
    """Insert rows, or replace those with the same `key`. Other names in `values` are left out."""
    table = cast(Table, inspect(model).local_table)
    names = [column.name for column in table.columns if column.name in values[0]]
    # One statement can't change a row twice, so of several with one key the last one counts.
    latest = {tuple(row[name] for name in key): row for row in values}
    rows = [{name: row[name] for name in names} for row in latest.values()]
    insert = sqlite.insert if database.engine.dialect.name == "sqlite" else postgresql.insert
    statement = insert(table)
    changed = {name: statement.excluded[name] for name in names if name not in key}
    session = database.session
    # Both databases limit how many values one statement may carry.
    session.execute(statement.on_conflict_do_update(index_elements=key, set_=changed), rows)


def add_import_command(
    app: Flask, database: SQLAlchemy, reader: Reader[Row], store: Store[Row], what: str
) -> None:
    """Add `import FILE`. It exits with 1 when a line was refused; the others are stored."""

    @app.cli.command("import", help=f"Import a CSV file of {what}.")
    @click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
    def import_file(file: Path) -> None:
        tally = Tally()
        with (
            file.open("rb") as raw,
            click.progressbar(length=file.stat().st_size, label=file.name) as bar,
        ):
            for rows, place in _batches(raw, reader, tally):
                store(rows)
                database.session.commit()
                tally.stored += len(rows)
                bar.update(place - bar.pos)
        _tidy(database)
        click.echo(f"{tally.stored} stored, {tally.refused} refused.")
        if tally.refused > MOST_SHOWN:
            click.echo(f"Only the first {MOST_SHOWN} refusals are shown.", err=True)
        if tally.refused:
            raise SystemExit(1)


def _batches(raw: BinaryIO, reader: Reader[Row], tally: Tally) -> Iterator[tuple[list[Row], int]]:
    """Rows to store, and how far into the file that is, in bytes."""
    csv.field_size_limit(LONGEST_FIELD)
    with TextIOWrapper(raw, "utf-8-sig", newline="") as text_lines:
        lines = csv.DictReader(text_lines, restkey="", restval="")
        try:
            _check_header(lines.fieldnames or (), reader)
            for batch in _in_batches(_rows(lines, reader, tally)):
                yield batch, raw.tell()
        except UnicodeDecodeError:
            # Nobody knows where the next line begins.
            raise click.ClickException(
                f"After line {lines.line_num} the file isn't UTF-8. Mend it and import it again."
            ) from None


def _in_batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while batch := list(islice(rows, BATCH)):
        yield batch


def _rows(lines: csv.DictReader[str], reader: Reader[Row], tally: Tally) -> Iterator[Row]:
    """The lines that can be stored; the others are counted and told."""
    while True:
        try:
            line = next(lines)
            if "" in line:
                raise _Crooked("it has more fields than the first line names")
            yield reader.read(line)
        except StopIteration:
            return
        except (ValidationError, csv.Error, _Crooked) as error:
            _refuse(lines.line_num, error, tally)


class _Crooked(Exception):
    """A line that has more fields than the header."""


def _check_header(names: Sequence[str], reader: Reader[Row]) -> None:
    missing = [each[0] for each in reader.required if not set(each) & set(names)]
    if missing:
        raise click.ClickException(
            f"The first line must name the columns; these are missing: {', '.join(missing)}."
        )


def _refuse(number: int, error: Exception, tally: Tally) -> None:
    tally.refused += 1
    if tally.refused <= MOST_SHOWN:
        click.echo(f"\rline {number}: {_reason(error)}", err=True)


def _reason(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    return "; ".join(
        f"{problem['loc'][0]} is missing"
        if problem["type"] == "missing"
        else f"{problem['loc'][0]} is {str(problem['input'])[:40]!r}: {problem['msg']}"
        for problem in error.errors()
    )


def _tidy(database: SQLAlchemy) -> None:
    """Let the database take stock of what it has now, so that it plans searches well."""
    engine = database.engine
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE" if engine.dialect.name == "sqlite" else "VACUUM ANALYZE"))
