"""The tools that only look: find tickets, and show one with its answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field
from sqlalchemy import ColumnElement, func, or_, select

from tool_services.framework.display import DisplayPart, card
from tool_services.framework.schemas import Timestamp, ToolResult
from tool_services.framework.timestamps import iso_utc
from tool_services.framework.tools import tool

from .models import Priority, Status, TicketRow, db
from .ticket import Ticket, TicketId, cards, ticket_row

ON_A_PAGE = 20


class FoundTickets(ToolResult):
    """One page of what matches."""

    total: Annotated[int, Field(description="How many match, on all pages")]
    next_page: Annotated[int | None, Field(description="The page to ask for to see more")]
    tickets: list[Ticket]
    note: Annotated[
        str | None, Field(description="If nothing matches, what does with one condition less")
    ] = None

    def shown(self) -> Sequence[DisplayPart]:
        heading = f"{self.total} ticket{'' if self.total == 1 else 's'}"
        return [cards(self.tickets, heading)] if self.tickets else ()

    def in_words(self) -> str:
        return f"{self.total} found"


class Answer(ToolResult):
    """What somebody wrote on a ticket."""

    text: str
    written_at: Timestamp


class TicketDetails(Ticket):
    """A ticket with its answers, the oldest first."""

    answers: list[Answer]

    def shown(self) -> Sequence[DisplayPart]:
        return [card("ticket.html", ticket=self)]

    def suggested(self) -> Sequence[str]:
        return [] if self.status == "closed" else [f"Close {self.ticket_id}"]


@tool(
    reads_only=True,
    examples=["Which tickets are open?", "Show me the urgent tickets"],
    words="Looking|Looked for tickets[ about “{text}”] · {status} · {priority} · of {assignee}",
)
def find_tickets(
    status: Annotated[Status | None, "Where the ticket stands"] = None,
    priority: Annotated[Priority | None, "How soon it is needed"] = None,
    assignee: Annotated[str | None, Field(description="First name", max_length=60)] = None,
    text: Annotated[str | None, Field(description="Words to look for", max_length=100)] = None,
    sort: Annotated[Literal["newest", "oldest"], "Which come first"] = "newest",
    page: Annotated[int, Field(description="Page, from 1", ge=1, le=1_000)] = 1,
) -> FoundTickets:
    """Finds tickets by any mix of status, priority, assignee and words, 20 on a page; total counts
    all that match."""
    wanted = {"status": status, "priority": priority, "assignee": assignee, "text": text}
    conditions = _conditions(wanted)
    found = select(TicketRow).where(*conditions.values())
    order = TicketRow.OpenedAt if sort == "oldest" else TicketRow.OpenedAt.desc()
    total = _count(conditions)
    on_page = found.order_by(order).limit(ON_A_PAGE).offset((page - 1) * ON_A_PAGE)
    return FoundTickets(
        total=total,
        next_page=page + 1 if total > page * ON_A_PAGE else None,
        tickets=[Ticket.of(row) for row in db.session.scalars(on_page)],
        note=None if total else _near_matches(wanted),
    )


@tool(reads_only=True, title="Show a ticket", examples=["What happened to T-102?"])
def get_ticket(ticket_id: TicketId) -> TicketDetails:
    """Tells all about one ticket by its id: what it says, who works on it, and all answers."""
    row = ticket_row(ticket_id)
    answers = [Answer(text=each.Text, written_at=iso_utc(each.WrittenAt)) for each in row.answers]
    return TicketDetails(**Ticket.of(row).model_dump(), answers=answers)


def _conditions(wanted: Mapping[str, Any]) -> dict[str, ColumnElement[bool]]:
    """Return the SQL for each argument that is given."""
    meanings = {
        "status": TicketRow.Status.__eq__,
        "priority": TicketRow.Priority.__eq__,
        "assignee": func.lower(TicketRow.Assignee).__eq__,
        "text": _has_words,
    }
    values = {name: value for name, value in wanted.items() if value}
    return {
        name: meanings[name](value.lower() if name == "assignee" else value)
        for name, value in values.items()
    }


def _has_words(text: str) -> ColumnElement[bool]:
    condition: ColumnElement[bool] = TicketRow.Id > 0
    for word in text.split():
        places = (column.icontains(word, autoescape=True) for column in _TEXTS)
        condition &= or_(*places)
    return condition


def _count(conditions: Mapping[str, ColumnElement[bool]]) -> int:
    rows = select(func.count(TicketRow.Id)).where(*conditions.values())
    return db.session.scalar(rows) or 0


def _near_matches(wanted: Mapping[str, Any]) -> str:
    """Say what there is with one condition less, since models take "nothing" for "none at all"."""
    given = {name: value for name, value in wanted.items() if value}
    counts = {name: _count(_conditions({**wanted, name: None})) for name in given}
    near = [f"{count} without {name} {given[name]}" for name, count in counts.items() if count]
    if not near:
        return "No ticket matches, nor with any one condition less."
    return f"No ticket meets all conditions together. There are {', '.join(near)}."


_TEXTS = (TicketRow.Title, TicketRow.Body)
