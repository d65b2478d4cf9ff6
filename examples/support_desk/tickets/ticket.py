"""A ticket as models and people get it, and the arguments that name one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import Field

from tool_services.framework.display import DisplayPart, card
from tool_services.framework.errors import InvalidArgumentsError
from tool_services.framework.schemas import Timestamp, ToolResult
from tool_services.framework.timestamps import iso_utc

from .models import Priority, Status, TicketRow, db

TicketId = Annotated[
    str,
    Field(
        title="Ticket",
        description="Id of a ticket that the user named or a tool returned",
        min_length=1,
        max_length=20,
    ),
]


class UnknownTicketError(InvalidArgumentsError):
    code = "unknown_ticket"


class Ticket(ToolResult):
    """One ticket."""

    ticket_id: str
    title: str
    body: str
    status: Status
    priority: Priority
    assignee: Annotated[str, Field(description="Who works on it; empty if nobody does")]
    opened_at: Timestamp

    @classmethod
    def of(cls, row: TicketRow) -> Self:
        return cls(
            ticket_id=f"T-{row.Id}",
            title=row.Title,
            body=row.Body,
            status=row.Status,
            priority=row.Priority,
            assignee=row.Assignee,
            opened_at=iso_utc(row.OpenedAt),
        )

    def shown(self) -> Sequence[DisplayPart]:
        return [cards([self], f"Ticket {self.ticket_id}")]


def cards(tickets: Sequence[Ticket], heading: str) -> DisplayPart:
    return card("cards.html", tickets=tickets, heading=heading)


def ticket_row(ticket_id: str) -> TicketRow:
    """Return the ticket with an id such as "T-104". Raises UnknownTicketError."""
    number = ticket_id.strip().upper().removeprefix("T-")
    # No id has more digits, and a database takes no number of any length.
    known = number.isdecimal() and len(number) < 10
    row = db.session.get(TicketRow, int(number)) if known else None
    if row is None:
        raise UnknownTicketError(f"There is no ticket {ticket_id}. Ids look like T-104.")
    return row
