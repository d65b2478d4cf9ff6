"""The notes service as a WSGI app."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from flask import Flask
from pydantic import BaseModel, Field
from sqlalchemy import select

from tool_services.framework.app_factory import create_service_app
from tool_services.framework.csv_import import CsvFormat, add_import_command, upsert
from tool_services.framework.database import open_database
from tool_services.framework.http_endpoints import ServiceInfo
from tool_services.framework.peer import PeerClient
from tool_services.framework.samples import Sample
from tool_services.framework.service_client import ServiceClient
from tool_services.framework.settings import (
    Port,
    ServiceSettings,
    Url,
    load_settings,
    on_loopback,
    sqlite_file,
)
from tool_services.framework.tokens import TokenVerifier

from .models import Note, db
from .sending import SEND_NOTES, add_outbox_endpoint
from .tools import note_tools


class NotesSettings(ServiceSettings):
    notes_port: Port = 8009
    notes_url: Url = on_loopback("notes_port")
    notes_database_url: str = sqlite_file("notes.db")
    peer_url: Url = on_loopback("web_port")


class NoteRow(BaseModel):
    Id: Annotated[int, Field(ge=1)]
    Text: str = ""


def _read_line(line: Mapping[str, str]) -> NoteRow:
    return NoteRow.model_validate({name: value for name, value in line.items() if value})


def _store(rows: Sequence[NoteRow]) -> None:
    upsert(db, Note, ("Id",), [row.model_dump() for row in rows])


NOTES_CSV = CsvFormat("notes", (("Id", "Number"), ("Text",)), _read_line, _store)
SAMPLES = [Sample(Note, lambda: [{"Text": "first"}, {"Text": "second"}])]


def create_app(settings: NotesSettings | None = None) -> Flask:
    settings = settings or load_settings(NotesSettings)
    client = ServiceClient.load(
        "notes", settings.notes_url, settings.app_url, settings.instance_dir
    )
    seconds = settings.tool_timeout / 2
    peer = PeerClient("peer", settings.peer_url, settings.token_url, seconds, client)
    verifier = TokenVerifier.for_service(settings, settings.notes_url)
    capabilities = {"outbox": True}
    app = create_service_app(
        ServiceInfo("notes", __package__ or "", "Keeps notes.", settings.notes_url, capabilities),
        [*note_tools(peer), SEND_NOTES],
        verifier=verifier,
        check_database=lambda: db.session.scalar(select(Note.Id).limit(1)),
        instance_dir=settings.instance_dir,
        client=client,
    )
    add_outbox_endpoint(app, verifier)
    add_import_command(app, db, NOTES_CSV)
    open_database(
        app,
        db,
        setting="NOTES_DATABASE_URL",
        url=settings.notes_database_url,
        samples=SAMPLES if settings.sample_data else (),
    )
    return app
