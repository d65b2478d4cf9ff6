"""The tool that reaches out: sendNotes puts a letter in the outbox, once for each call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from flask import Flask, Response, jsonify
from markupsafe import Markup
from pydantic import Field
from sqlalchemy import delete, select

from tool_services.framework.display import DisplayPart
from tool_services.framework.errors import InvalidArgumentsError
from tool_services.framework.running import verify_caller
from tool_services.framework.schemas import Distinct, EmailAddress, ToolResult
from tool_services.framework.timestamps import iso_utc
from tool_services.framework.tokens import Caller
from tool_services.framework.tools import tool

from .models import Letter, Note, db

SUBJECT = "Your notes"


class UnknownNoteError(InvalidArgumentsError):
    code = "unknown_note"


Names = Annotated[list[str], Distinct(), Field(min_length=1)]
Recipient = Annotated[EmailAddress, Field(title="To")]


class SendOutcome(ToolResult):
    delivery: str = "outbox"
    recipient_email: str


def _write(notes: list[str], recipient: str, caller: Caller) -> Letter:
    for note in notes:
        if db.session.scalar(select(Note.Id).filter_by(Text=note)) is None:
            raise UnknownNoteError(f"There is no note {note}.")
    return Letter(UserId=caller.user_id, Recipient=recipient, Text="\n".join(notes))


@tool(ask_first=True, once_per_key=True, scope="notes:send")
def send_notes(notes: Names, recipient_email: Recipient, caller: Caller) -> SendOutcome:
    """Sends notes."""
    db.session.add(_write(notes, recipient_email, caller))
    return SendOutcome(recipient_email=recipient_email)


@send_notes.preview
def show_letter(notes: Names, recipient_email: Recipient, caller: Caller) -> Sequence[DisplayPart]:
    letter = _write(notes, recipient_email, caller)
    html = Markup("<h2>{}</h2><p>To <strong>{}</strong></p><pre>{}</pre>").format(
        SUBJECT, letter.Recipient, letter.Text
    )
    return [DisplayPart("letter.html", "text/html", html)]


def add_outbox_endpoint(app: Flask) -> None:
    """Add GET /outbox, the caller's own letters, newest first, and DELETE /outbox."""

    @app.get("/outbox")
    def show_outbox() -> Response:
        caller = verify_caller("outbox:read")
        own = select(Letter).filter_by(UserId=caller.user_id).order_by(Letter.Id.desc())
        return jsonify(messages=[_as_json(letter) for letter in db.session.scalars(own)])

    @app.delete("/outbox")
    def erase_outbox() -> Response:
        caller = verify_caller("outbox:erase")
        db.session.execute(delete(Letter).filter_by(UserId=caller.user_id))
        db.session.commit()
        return jsonify(messages=[])


def _as_json(letter: Letter) -> dict[str, Any]:
    return {
        "id": letter.Id,
        "recipient": letter.Recipient,
        "subject": SUBJECT,
        "text": letter.Text,
        "createdAt": iso_utc(letter.CreatedAt),
        "delivery": "kept",
        "reason": "",
    }
