"""The tools that keep to the service: they find and add notes, ask a peer, and fail."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Literal

from markupsafe import Markup
from pydantic import Field
from sqlalchemy import select

from tool_services.framework.running import peer
from tool_services.framework.schemas import Omittable, ToolArguments, ToolResult
from tool_services.framework.tokens import Caller
from tool_services.framework.tools import Annotations, DisplayPart, Tool, ToolOutput, read_only

from .models import Note, db
from .sending import SEND_NOTES, UnknownNoteError


class Search(ToolArguments):
    text: Annotated[Omittable[Annotated[str, Field(min_length=1)]], Field(description="Words")] = (
        None
    )
    order: Omittable[Literal["oldest", "newest"]] = None
    limit: Omittable[Annotated[int, Field(ge=1)]] = None


class Nothing(ToolArguments):
    pass


class NewNote(ToolArguments):
    note_text: str


class Notes(ToolResult):
    notes: list[str]
    written_for: str = ""


class Greeting(ToolResult):
    greeting: str


def _find(arguments: Search, _caller: Caller) -> ToolOutput:
    newest = arguments.order == "newest"
    notes = select(Note.Text).order_by(Note.Id.desc() if newest else Note.Id)
    if arguments.text is not None:
        notes = notes.where(Note.Text.contains(arguments.text))
    found = Notes(notes=list(db.session.scalars(notes.limit(arguments.limit))))
    return ToolOutput(found, partial(_display, found) if found.notes else tuple)


def _display(found: Notes) -> Sequence[DisplayPart]:
    card = Markup('<section class="show-card"><p>{}</p></section>')
    cards = Markup().join(card.format(note) for note in found.notes)
    html = Markup('<div class="show-grid">{}</div>').format(cards)
    table = "".join(f"{line}\n" for line in ("Note", *found.notes))
    return [
        DisplayPart("notes.html", "text/html", html),
        DisplayPart("notes.csv", "text/csv", table),
    ]


def _add(arguments: NewNote, caller: Caller) -> ToolOutput:
    db.session.add(Note(Text=arguments.note_text))
    db.session.commit()
    return ToolOutput(
        Notes(notes=[arguments.note_text], written_for=f"{caller.user_id} {caller.idempotency_key}")
    )


def _preview(arguments: NewNote, _caller: Caller) -> Sequence[DisplayPart]:
    return [DisplayPart("note.html", "text/html", f"<p>{arguments.note_text}</p>")]


def _greet(_arguments: Nothing, caller: Caller) -> ToolOutput:
    return ToolOutput(
        peer("peer").get("/greeting", {"language": "en"}, caller, Greeting, UnknownNoteError)
    )


def _break(_arguments: Nothing, _caller: Caller) -> ToolOutput:
    raise RuntimeError("the inside of the service")


_WRITES = Annotations(
    title="Add a note",
    readOnlyHint=False,
    idempotentHint=False,
    destructiveHint=False,
    openWorldHint=False,
)
_reads = partial(Tool, scope="notes:read")
TOOLS = [
    _reads("findNotes", "Finds notes.", Search, Notes, read_only("Find notes"), _find),
    Tool("addNote", "Adds.", NewNote, Notes, _WRITES, _add, _preview, scope="notes:write"),
    _reads("greet", "Asks.", Nothing, Greeting, read_only("Greet"), _greet),
    _reads("breakDown", "Fails.", Nothing, Notes, read_only("Break down"), _break),
    SEND_NOTES,
]
