"""The tables of a Markdown text, as rows of plain text and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any, cast

import pyromark

from app.rendering.markdown import in_thread_if_large
from app.rendering.markdown_syntax import OPTIONS
from app.tools.display import without_formulas

MOST_TABLES = 20
"""Tables of one text that are offered; what comes after them is left out."""
_TEXTS = ("Text", "Code", "InlineHtml")

Table = list[list[str]]


def read_tables(source: str) -> list[Table]:
    """Return the tables of a text, each as rows of cells without markup, its head first."""
    return in_thread_if_large(source, _read_tables) if "|" in source else []


def as_csv(table: Sequence[Sequence[str]]) -> str:
    """Return a table as CSV in which no spreadsheet finds a formula."""
    lines = io.StringIO()
    csv.writer(lines).writerows(table)
    return without_formulas(lines.getvalue())


def _read_tables(source: str) -> list[Table]:
    tables: list[Table] = []
    is_open = False
    for event in pyromark.events(source, options=OPTIONS):
        if not isinstance(event, dict):
            continue
        ((kind, value),) = cast(dict[str, Any], event).items()
        name = value if isinstance(value, str) else next(iter(value or ("",)))
        if kind == "Start" and name == "Table":
            if len(tables) == MOST_TABLES:
                return tables
            tables.append([])
            is_open = True
        elif kind == "End" and name == "Table":
            is_open = False
        elif is_open:
            _add(tables[-1], kind, value, name)
    return tables


def _add(table: Table, kind: str, value: Any, name: str) -> None:
    if kind == "Start" and name in ("TableHead", "TableRow"):
        table.append([])
    elif kind == "Start" and name == "TableCell":
        table[-1].append("")
    elif kind in _TEXTS and table and table[-1]:
        table[-1][-1] += value
