"""What the tickets service promises."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.brand import read_brand
from tool_services.framework.errors import InvalidArgumentsError
from tool_services.framework.testing import ToolCaller

from ..change import ClosedTicketError
from ..ticket import UnknownTicketError

DOOR = {"title": "Window", "body": "It is <b>broken</b>.", "priority": "high"}


def found(tickets: ToolCaller, **arguments: str) -> list[str]:
    return [each["ticketId"] for each in tickets.call("findTickets", **arguments)["tickets"]]


def test_tickets_are_found_by_what_was_asked_for(tickets: ToolCaller) -> None:
    assert tickets.call("findTickets")["total"] == 8
    assert found(tickets, status="open") == ["T-102", "T-108", "T-101", "T-103"]
    assert found(tickets, status="open", sort="oldest", priority="urgent") == ["T-108", "T-102"]
    assert found(tickets, assignee="MARIA", text="vpn home") == ["T-104"]
    assert found(tickets, text="%") == []
    assert "show-card" in tickets.shown("findTickets", status="open")
    with pytest.raises(InvalidArgumentsError, match="status"):
        tickets.call("findTickets", status="lost")


def test_a_search_without_a_match_says_what_there_is_with_one_condition_less(
    tickets: ToolCaller,
) -> None:
    result = tickets.call("findTickets", status="closed", priority="high", assignee="maria")
    assert result["total"] == 0
    assert "1 without priority high" in result["note"]
    assert "2 without status closed" in result["note"]


def test_more_than_a_page_is_found_page_by_page(tickets: ToolCaller) -> None:
    for number in range(13):
        tickets.call("openTicket", key=str(number), title=f"Lamp {number}")
    assert tickets.call("findTickets")["nextPage"] == 2
    last = tickets.call("findTickets", page=2)
    assert (len(last["tickets"]), last["total"], last["nextPage"]) == (1, 21, None)


def test_one_ticket_is_told_with_its_answers(tickets: ToolCaller) -> None:
    ticket = tickets.call("getTicket", ticketId="t-102")
    assert [each["writtenAt"] for each in ticket["answers"]] == [
        "2026-03-09T09:10:00Z",
        "2026-03-09T15:55:00Z",
    ]
    assert "comes on Thursday" in tickets.shown("getTicket", ticketId="T-102")


def test_a_ticket_is_opened_once_for_a_call_that_is_repeated(tickets: ToolCaller) -> None:
    first = tickets.call("openTicket", key="key", **DOOR)
    assert tickets.call("openTicket", key="key", **DOOR) == first
    assert tickets.call("findTickets")["total"] == 9


def test_an_answer_is_written_once_and_the_ticket_waits_then(tickets: ToolCaller) -> None:
    answer = {"ticketId": "T-101", "text": "Somebody comes at noon."}
    for _ in range(2):
        assert tickets.call("answerTicket", key="key", **answer)["status"] == "waiting"
    ticket = tickets.call("getTicket", ticketId="T-101")
    assert [each["text"] for each in ticket["answers"]] == ["Somebody comes at noon."]


def test_a_closed_ticket_keeps_the_reason_and_takes_no_more(tickets: ToolCaller) -> None:
    tickets.call("closeTicket", key="key", ticketId="T-103", reason="It was found.")
    ticket = tickets.call("getTicket", ticketId="T-103")
    assert ticket["status"] == "closed"
    assert [each["text"] for each in ticket["answers"]] == ["It was found."]
    for tool in ("closeTicket", "answerTicket"):
        with pytest.raises(ClosedTicketError, match="T-103 is closed already"):
            tickets.call(tool, key=tool, ticketId="T-103", **_text_for(tool))


def _text_for(tool: str) -> dict[str, str]:
    return {"text": "Really?"} if tool == "answerTicket" else {}


@pytest.mark.parametrize("ticket_id", ["T-999", "x", "²", "9" * 20])
def test_an_unknown_ticket_is_refused_with_a_sentence(tickets: ToolCaller, ticket_id: str) -> None:
    with pytest.raises(UnknownTicketError, match="There is no ticket"):
        tickets.call("getTicket", ticketId=ticket_id)


def test_an_approval_shows_what_would_happen_and_nothing_has(tickets: ToolCaller) -> None:
    assert "&lt;b&gt;broken&lt;/b&gt;" in tickets.preview("openTicket", **DOOR)
    assert "T-101: Printer" in tickets.preview("closeTicket", ticketId="T-101")
    shown = tickets.preview("answerTicket", ticketId="T-101", text="At noon.")
    assert "At noon." in shown
    assert "T-101: Printer" in shown
    assert tickets.call("findTickets")["total"] == 8
    assert tickets.call("getTicket", ticketId="T-101")["answers"] == []


def test_only_looking_is_done_unasked(tickets: ToolCaller) -> None:
    unasked = {name for name, tool in tickets.tools.items() if tool.reads_only}
    assert unasked == {"findTickets", "getTicket"}


def test_the_desk_has_a_brand_of_its_own() -> None:
    assert read_brand(Path(__file__).parents[2] / "brand").name == "Support desk"
