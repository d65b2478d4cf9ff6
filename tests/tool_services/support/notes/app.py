"""The notes service as a WSGI app."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated

from flask import Flask
from pydantic import BaseModel, Field
from sqlalchemy import select

from tool_services.framework.app_factory import create_service_app
from tool_services.framework.csv_import import CsvFormat, add_import_command, upsert
from tool_services.framework.database import open_database
from tool_services.framework.errors import InvalidArgumentsError
from tool_services.framework.http_endpoints import ServiceInfo
from tool_services.framework.peer import PeerClient
from tool_services.framework.samples import Sample
from tool_services.framework.schemas import Omittable, ToolArguments, ToolResult
from tool_services.framework.settings import (
    Port,
    ServiceSettings,
    Url,
    load_settings,
    on_loopback,
    sqlite_file,
)
from tool_services.framework.tokens import Caller, TokenVerifier
from tool_services.framework.tools import Annotations, DisplayPart, Tool, ToolOutput, read_only

from .models import Note, db


class NotesSettings(ServiceSettings):
    notes_port: Port = 8009
    notes_url: Url = on_loopback("notes_port")
    notes_database_url: str = sqlite_file("notes.db")
    peer_url: Url = on_loopback("web_port")


class Search(ToolArguments):
    text: Annotated[Omittable[Annotated[str, Field(min_length=1)]], Field(description="Words")] = (
        None
    )


class Nothing(ToolArguments):
    pass


class NewNote(ToolArguments):
    note_text: str


class Notes(ToolResult):
    notes: list[str]
    written_for: str = ""


class Greeting(ToolResult):
    greeting: str


class UnknownNoteError(InvalidArgumentsError):
    code = "unknown_note"


def _find(arguments: Search, _caller: Caller) -> ToolOutput:
    notes = select(Note.Text).order_by(Note.Id)
    if arguments.text is not None:
        notes = notes.where(Note.Text.contains(arguments.text))
    found = Notes(notes=list(db.session.scalars(notes)))
    return ToolOutput(found, partial(_display, found) if found.notes else tuple)


def _display(found: Notes) -> Sequence[DisplayPart]:
    return [DisplayPart("notes.html", "text/html", f"<p>{len(found.notes)} notes</p>")]


def _add(arguments: NewNote, caller: Caller) -> ToolOutput:
    db.session.add(Note(Text=arguments.note_text))
    db.session.commit()
    return ToolOutput(
        Notes(notes=[arguments.note_text], written_for=f"{caller.user_id} {caller.idempotency_key}")
    )


def _preview(arguments: NewNote, _caller: Caller) -> Sequence[DisplayPart]:
    return [DisplayPart("note.html", "text/html", f"<p>{arguments.note_text}</p>")]


def _greet(peer: PeerClient, _arguments: Nothing, caller: Caller) -> ToolOutput:
    return ToolOutput(peer.get("/greeting", {"language": "en"}, caller, Greeting, UnknownNoteError))


def _break(_arguments: Nothing, _caller: Caller) -> ToolOutput:
    raise RuntimeError("the inside of the service")


def _tools(peer: PeerClient) -> list[Tool]:
    writes = Annotations(
        title="Add a note",
        readOnlyHint=False,
        idempotentHint=False,
        destructiveHint=False,
        openWorldHint=False,
    )
    return [
        Tool("findNotes", "Finds notes.", Search, Notes, read_only("Find notes"), _find),
        Tool("addNote", "Adds a note.", NewNote, Notes, writes, _add, _preview),
        Tool("greet", "Asks.", Nothing, Greeting, read_only("Greet"), partial(_greet, peer)),
        Tool("breakDown", "Fails.", Nothing, Notes, read_only("Break down"), _break),
    ]


class NoteRow(BaseModel):
    Id: Annotated[int, Field(ge=1)]
    Text: str = ""


def _read_line(line: Mapping[str, str]) -> NoteRow:
    return NoteRow.model_validate({name: value for name, value in line.items() if value})


def _store(rows: Sequence[NoteRow]) -> None:
    upsert(db, Note, ("Id",), [row.model_dump() for row in rows])


def create_app(settings: NotesSettings | None = None) -> Flask:
    settings = settings or load_settings(NotesSettings)
    peer = PeerClient("peer", settings.peer_url, settings.token_url, settings.tool_timeout / 2)
    app = create_service_app(
        ServiceInfo("notes", __package__ or "", "Keeps notes.", settings.notes_url, {"pin": True}),
        _tools(peer),
        verifier=TokenVerifier.for_service(settings, settings.notes_url),
        check_database=lambda: db.session.scalar(select(Note.Id).limit(1)),
        instance_dir=settings.instance_dir,
    )
    add_import_command(
        app, db, CsvFormat("notes", (("Id", "Number"), ("Text",)), _read_line, _store)
    )
    open_database(
        app,
        db,
        setting="NOTES_DATABASE_URL",
        url=settings.notes_database_url,
        samples=[Sample(Note, lambda: [{"Text": "first"}, {"Text": "second"}])]
        if settings.sample_data
        else [],
    )
    return app
