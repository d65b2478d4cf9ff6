"""Natural questions about tickets, and what each should lead to."""

from __future__ import annotations

import re

from tests.demo_model.talking import Case, call

OPEN = "which tickets are open?"
URGENT = "show me all urgent tickets"


def find(**arguments: object) -> tuple[str, dict[str, object]]:
    return call("findTickets", **arguments)


def opened(title: object, **arguments: object) -> tuple[str, dict[str, object]]:
    return call("openTicket", title=title, **arguments)


def close(ticket: str, **arguments: object) -> tuple[str, dict[str, object]]:
    return call("closeTicket", ticketId=ticket, **arguments)


MARIA = find(status="open", priority="urgent", assignee="Maria")

QUESTIONS = (
    Case(OPEN, [find(status="open")], "**4 tickets**"),
    Case("hi there", [], "demo model"),
    Case(URGENT, [find(priority="urgent")]),
    Case("list closed tickts", [find(status="closed")]),
    Case("tickets about the printer", [find(text="printer")]),
    Case("what's the oldest open ticket?", [find(status="open", sort="oldest")]),
    Case("any high priority tickets assigned to Maria?", [find(priority="high", assignee="Maria")]),
    Case(
        "open a ticket: the printer on floor 3 is jammed",
        [opened("the printer on floor 3 is jammed")],
    ),
    Case("please close T-104", [close("T-104")]),
    Case("close ticket t-7, it was a duplicate", [close("T-7", reason="it was a duplicate")]),
    Case("new ticket, urgent: nobody can log in", [opened("nobody can log in", priority="urgent")]),
    Case("only the urgent ones", [find(status="open", priority="urgent")], after=(OPEN,)),
    Case("and closed?", [find(status="closed")], after=(OPEN,)),
    Case("newest first", [find(priority="urgent", sort="newest")], after=(URGENT,)),
    Case("close the first one", [close("T-102")], after=(OPEN,)),
    Case("close the oldest", [close("T-103")], after=(OPEN,)),
    Case('tickets mentioning "vpn"', [find(text="vpn")], "T-104"),
    Case("do we have anything waiting for the customer?", [find(status="waiting")]),
    Case("how many tickets are open", [find(status="open")], "**4 tickets**"),
    Case("whats assigned to bob", [find(assignee="Bob")]),
    Case("show me the low priority stuff", [find(priority="low")]),
    Case("Thanks!", [], "welcome"),
    Case("what do you do?", [], "tickets"),
    Case("tell me a joke", [], "can't"),
    Case("reopen T-104", [], "can't"),
    Case(
        "somebody needs help, the wifi in room 12 is down, please file a ticket",
        [opened(re.compile("wifi in room 12 is down"))],
    ),
    Case("urgnet tickets pls", [find(priority="urgent")]),
    Case("close it", [], "Which ticket"),
    Case("close T-101 and T-103", [close("T-101"), close("T-103")], after=(OPEN,)),
    Case("ist der Drucker kaputt?", [], "zum Beispiel"),
)

HELD_OUT = (
    Case("is anything urgent right now?", [find(priority="urgent")]),
    Case("tickets on email", [find(text="email")]),
    Case("what about high?", [find(priority="high")], after=(URGENT,)),
    Case("log a new issue: projector is broken", [opened("projector is broken")]),
    Case("resolve t-102 please", [close("T-102")]),
    Case("who are you?", [], "demo model"),
    Case("tickets that are still waiting", [find(status="waiting")]),
    Case("whats the newest ticket", [find(sort="newest")]),
    Case("whats the capital of France", [], "can't"),
    Case("close the second one", [close("T-108")], after=(OPEN,)),
    Case("what happened to T-102?", [call("getTicket", ticketId="T-102")], "access point"),
    Case(
        "answer T-104: please restart the client",
        [call("answerTicket", ticketId="T-104", text="please restart the client")],
    ),
    Case("What is Maria working on?", [find(assignee="Maria")], "assigned to Maria"),
    Case("urgent tickets of Maria that are open", [MARIA], "1 without status open"),
)
