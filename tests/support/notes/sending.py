"""The tool that reaches out: sendNotes puts a letter in the outbox, once for each call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from flask import Flask, Response, jsonify
from markupsafe import Markup
from pydantic import Field
from sqlalchemy import delete, select

from tool_services.framework.errors import IdempotencyConflictError, InvalidArgumentsError
from tool_services.framework.running import verify_caller
from tool_services.framework.schemas import Distinct, EmailAddress, ToolArguments, ToolResult
from tool_services.framework.timestamps import iso_utc
from tool_services.framework.tokens import Caller
from tool_services.framework.tools import Annotations, DisplayPart, Tool, ToolOutput

from .models import Letter, Note, db

SUBJECT = "Your notes"


class UnknownNoteError(InvalidArgumentsError):
    code = "unknown_note"


class SendRequest(ToolArguments):
    notes: Annotated[list[str], Distinct(), Field(min_length=1)]
    recipient_email: Annotated[EmailAddress, Field(title="To")]


class SendOutcome(ToolResult):
    delivery: str = "outbox"
    recipient_email: str


def _write(arguments: SendRequest, caller: Caller) -> Letter:
    for note in arguments.notes:
        if db.session.scalar(select(Note.Id).filter_by(Text=note)) is None:
            raise UnknownNoteError(f"There is no note {note}.")
    return Letter(
        UserId=caller.user_id,
        IdempotencyKey=caller.idempotency_key,
        Recipient=arguments.recipient_email,
        Text="\n".join(arguments.notes),
    )


def _send(arguments: SendRequest, caller: Caller) -> ToolOutput:
    letter = _write(arguments, caller)
    known = select(Letter).filter_by(UserId=caller.user_id, IdempotencyKey=caller.idempotency_key)
    stored = caller.idempotency_key and db.session.scalar(known)
    if not stored:
        db.session.add(letter)
        db.session.commit()
    elif (stored.Recipient, stored.Text) != (letter.Recipient, letter.Text):
        raise IdempotencyConflictError("This key was used before, with other arguments.")
    return ToolOutput(SendOutcome(recipient_email=arguments.recipient_email))


def _preview(arguments: SendRequest, caller: Caller) -> Sequence[DisplayPart]:
    letter = _write(arguments, caller)
    html = Markup("<h2>{}</h2><p>To <strong>{}</strong></p><pre>{}</pre>").format(
        SUBJECT, letter.Recipient, letter.Text
    )
    return [DisplayPart("letter.html", "text/html", html)]


SEND_NOTES = Tool(
    name="sendNotes",
    description="Sends notes.",
    arguments_type=SendRequest,
    result_type=SendOutcome,
    annotations=Annotations(
        title="Send notes",
        readOnlyHint=False,
        idempotentHint=True,
        destructiveHint=False,
        openWorldHint=True,
    ),
    handler=_send,
    previewer=_preview,
    scope="notes:send",
)


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
