"""What the service has beside its tools: the outbox, and the command `import`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from flask import Flask
from pydantic import BaseModel, Field

from tool_services.framework.csv_import import CsvFormat, add_import_command, upsert

from .models import Note, db
from .sending import add_outbox_endpoint


class NoteRow(BaseModel):
    Id: Annotated[int, Field(ge=1)]
    Text: str = ""


def _read_line(line: Mapping[str, str]) -> NoteRow:
    return NoteRow.model_validate({name: value for name, value in line.items() if value})


def _store(rows: Sequence[NoteRow]) -> None:
    upsert(db, Note, ("Id",), [row.model_dump() for row in rows])


NOTES_CSV = CsvFormat("notes", (("Id", "Number"), ("Text",)), _read_line, _store)


def add_endpoints(app: Flask) -> None:
    add_outbox_endpoint(app)
    add_import_command(app, db, NOTES_CSV)
