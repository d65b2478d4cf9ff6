"""The tools that change something: a person approves each call, and it is done once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from tool_services.framework.display import DisplayPart, card
from tool_services.framework.errors import InvalidArgumentsError
from tool_services.framework.tokens import Caller
from tool_services.framework.tools import tool

from .models import AnswerRow, Priority, TicketRow, db
from .ticket import Ticket, TicketId, ticket_row

Title = Annotated[str, Field(description="What is wrong", min_length=1, max_length=200)]
Body = Annotated[str, Field(description="More about it, if there is more", max_length=5_000)]
Text = Annotated[str, Field(description="The answer, in full", min_length=1, max_length=5_000)]
Reason = Annotated[str, Field(description="Why it is closed", max_length=500)]


class ClosedTicketError(InvalidArgumentsError):
    code = "closed_ticket"


@tool(
    title="Open a ticket",
    ask_first=True,
    once_per_key=True,
    examples=["Open a ticket: the coffee machine leaks"],
)
def open_ticket(
    title: Title,
    caller: Caller,
    priority: Annotated[Priority, "How soon it is needed"] = "normal",
    body: Body = "",
) -> Ticket:
    """Opens a ticket for the user. Only when the user has asked for it."""
    row = TicketRow(Title=title, Body=body, Priority=priority, OpenedBy=caller.user_id)
    db.session.add(row)
    db.session.flush()
    return Ticket.of(row)


@open_ticket.preview
def show_opening(
    title: Title, priority: Priority = "normal", body: Body = ""
) -> Sequence[DisplayPart]:
    return [card("change.html", heading=title, lines=[f"Priority: {priority}"], text=body)]


@tool(title="Answer a ticket", ask_first=True, once_per_key=True)
def answer_ticket(ticket_id: TicketId, text: Text, caller: Caller) -> Ticket:
    """Writes an answer on a ticket, which then waits for the customer."""
    row = _unclosed(ticket_id)
    row.answers.append(AnswerRow(Text=text, WrittenBy=caller.user_id))
    row.Status = "waiting"
    db.session.flush()
    return Ticket.of(row)


@answer_ticket.preview
def show_answer(ticket_id: TicketId, text: Text) -> Sequence[DisplayPart]:
    lines = [_named(_unclosed(ticket_id)), "It waits for the customer then."]
    return [card("change.html", heading="An answer", lines=lines, text=text)]


@tool(title="Close a ticket", ask_first=True, once_per_key=True)
def close_ticket(ticket_id: TicketId, caller: Caller, reason: Reason = "") -> Ticket:
    """Closes a ticket, with the reason as its last answer if there is one."""
    row = _unclosed(ticket_id)
    if reason:
        row.answers.append(AnswerRow(Text=reason, WrittenBy=caller.user_id))
    row.Status = "closed"
    db.session.flush()
    return Ticket.of(row)


@close_ticket.preview
def show_closing(ticket_id: TicketId, reason: Reason = "") -> Sequence[DisplayPart]:
    lines = [_named(_unclosed(ticket_id))]
    return [card("change.html", heading="Close this ticket", lines=lines, text=reason)]


def _unclosed(ticket_id: str) -> TicketRow:
    """Return the ticket if it isn't closed yet. Raises ClosedTicketError."""
    row = ticket_row(ticket_id)
    if row.Status == "closed":
        raise ClosedTicketError(f"T-{row.Id} is closed already. Open a new ticket instead.")
    return row


def _named(row: TicketRow) -> str:
    return f"T-{row.Id}: {row.Title}"
