"""The tools that keep to the service: they find and add notes, ask a peer, and fail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from markupsafe import Markup
from pydantic import Field
from sqlalchemy import select

from tool_services.framework.display import DisplayPart
from tool_services.framework.running import peer
from tool_services.framework.schemas import ToolResult
from tool_services.framework.tokens import Caller
from tool_services.framework.tools import tool

from .models import Note, db
from .sending import UnknownNoteError, send_notes


class Notes(ToolResult):
    notes: list[str]
    written_for: str = ""

    def shown(self) -> Sequence[DisplayPart]:
        return _parts(self.notes) if self.notes and not self.written_for else ()

    def in_words(self) -> str:
        return "" if self.written_for else f"{len(self.notes)} found"


class Greeting(ToolResult):
    greeting: str

    def suggested(self) -> Sequence[str]:
        return ["Greet again"]


def _parts(notes: list[str]) -> Sequence[DisplayPart]:
    card = Markup('<section class="show-card"><p>{}</p></section>')
    cards = Markup().join(card.format(note) for note in notes)
    html = Markup('<div class="show-grid">{}</div>').format(cards)
    table = "".join(f"{line}\n" for line in ("Note", *notes))
    return [
        DisplayPart("notes.html", "text/html", html),
        DisplayPart("notes.csv", "text/csv", table),
    ]


@tool(
    reads_only=True,
    examples=["Which notes are there?", "Find my notes about <b>"],
    words="Looking|Looked for notes[ about {text}] · at most {limit:,}",
)
def find_notes(
    text: Annotated[str | None, Field(description="Words", min_length=1)] = None,
    order: Literal["oldest", "newest"] | None = None,
    limit: Annotated[int | None, Field(ge=1)] = None,
) -> Notes:
    """Finds notes."""
    notes = select(Note.Text).order_by(Note.Id.desc() if order == "newest" else Note.Id)
    if text is not None:
        notes = notes.where(Note.Text.contains(text))
    return Notes(notes=list(db.session.scalars(notes.limit(limit))))


@tool(title="Add a note", scope="notes:write")
def add_note(note_text: str, caller: Caller) -> Notes:
    """Adds."""
    db.session.add(Note(Text=note_text))
    db.session.commit()
    return Notes(notes=[note_text], written_for=f"{caller.user_id} {caller.idempotency_key}")


@add_note.preview
def show_note(note_text: str) -> Sequence[DisplayPart]:
    return [DisplayPart("note.html", "text/html", f"<p>{note_text}</p>")]


@tool(reads_only=True)
def greet(caller: Caller) -> Greeting:
    """Asks."""
    language = {"language": "en"}
    return peer("peer").get("/greeting", language, caller, Greeting, UnknownNoteError)


@tool(reads_only=True)
def break_down() -> Notes:
    """Fails."""
    raise RuntimeError("the inside of the service")


TOOLS = [find_notes, add_note, greet, break_down, send_notes]
