"""A tool is a function: what a model and the app are told follows from its signature."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from tool_services.framework.app_factory import offered_tools
from tool_services.framework.display import DisplayPart
from tool_services.framework.errors import InvalidArgumentsError
from tool_services.framework.schemas import ToolArguments, ToolResult
from tool_services.framework.service import Service
from tool_services.framework.tokens import Caller
from tool_services.framework.tools import Tool, tool

ALICE = Caller("alice", "", "", frozenset(), idempotency_key="key")


class Ticket(ToolResult):
    title: str
    opened_by: str = ""


class Search(ToolArguments):
    words: str
    limit: int = 5


@tool(reads_only=True, examples=["Which tickets are open?"])
def find_tickets(
    status: Literal["open", "closed"] | None = None,
    text: Annotated[str, "Words to look for"] = "",
    at_most: Annotated[int | None, Field(ge=1, description="How many")] = None,
) -> Ticket:
    """Finds tickets
    by words.

    This is for people who read the code.
    """
    return Ticket(title=f"{status} {text} {at_most}")


def test_words_for_people_name_arguments_that_there_are() -> None:
    def find_tickets(text: str) -> Ticket:
        """Finds."""
        return Ticket(title=text)

    made = tool(words="Finding|Found tickets[ about {text}]")(find_tickets)
    assert made.definition["_meta"]["homestream/words"] == made.words
    with pytest.raises(TypeError, match=r"no argument of it: subject, about\."):
        tool(words="Found tickets[ on {subject}] · {about:,}")(find_tickets)


@tool(ask_first=True)
def open_ticket(title: str, caller: Caller) -> Ticket:
    """Opens a ticket."""
    return Ticket(title=title, opened_by=caller.user_id)


@open_ticket.preview
def show_ticket(title: str) -> list[DisplayPart]:
    return [DisplayPart("ticket.html", "text/html", title)]


@tool(reads_only=True)
def count_tickets(search: Search) -> Ticket:
    """Counts."""
    return Ticket(title=f"{search.words} {search.limit}")


def test_names_and_descriptions_come_from_the_function() -> None:
    told = find_tickets.definition
    assert (told["name"], told["title"]) == ("findTickets", "Find tickets")
    assert told["description"] == "Finds tickets by words."
    assert told["_meta"]["homestream/examples"] == ["Which tickets are open?"]


def test_the_schema_comes_from_the_type_hints() -> None:
    assert find_tickets.definition["inputSchema"] == {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "status": {"enum": ["open", "closed"], "type": "string"},
            "text": {"default": "", "description": "Words to look for", "type": "string"},
            "atMost": {"description": "How many", "minimum": 1, "type": "integer"},
        },
    }
    assert open_ticket.definition["inputSchema"]["required"] == ["title"]


def test_arguments_are_checked_before_the_function_is_called() -> None:
    assert find_tickets.call({"atMost": 3}, ALICE) == Ticket(title="None  3")
    for wrong in ({"atMost": 0}, {"status": None}, {"status": "shut"}, {"caller": "bob"}):
        with pytest.raises(InvalidArgumentsError):
            find_tickets.call(wrong, ALICE)


def test_who_calls_is_given_and_is_no_argument() -> None:
    assert open_ticket.call({"title": "Oven"}, ALICE) == Ticket(title="Oven", opened_by="alice")
    with pytest.raises(InvalidArgumentsError, match="unknown: caller"):
        open_ticket.call({"title": "Oven", "caller": "bob"}, ALICE)


def test_all_arguments_may_be_one_parameter() -> None:
    assert count_tickets.call({"words": "oven"}, ALICE) == Ticket(title="oven 5")
    assert set(count_tickets.definition["inputSchema"]["properties"]) == {"words", "limit"}


@pytest.mark.parametrize(
    ("offered", "reads"),
    [(find_tickets, True), (open_ticket, False), (tool()(find_tickets.function), False)],
)
def test_only_what_says_that_it_reads_is_taken_to_read(offered: Tool, reads: bool) -> None:
    assert offered.definition["annotations"]["readOnlyHint"] is reads


def test_scopes_follow_from_the_service_and_the_effect() -> None:
    assert find_tickets.of_service("help_desk").scope == "help-desk:read"
    assert open_ticket.of_service("help_desk").scope == "help-desk:open-ticket"
    assert tool(scope="a:b")(open_ticket.function).of_service("help_desk").scope == "a:b"


@tool(once_per_key=True)
def close_ticket(title: str) -> Ticket:
    """Closes a ticket."""
    return Ticket(title=title)


@tool()
def read(title: str) -> Ticket:
    """Marks a ticket as read."""
    return Ticket(title=title)


@pytest.mark.parametrize(
    ("tools", "words"),
    [
        ([find_tickets, open_ticket, find_tickets], "two tools called findTickets"),
        ([read], "read changes something, but its scope desk:read is one for reading"),
        ([tool(scope="a:read")(open_ticket.function)], "openTicket changes something"),
        ([tool(reads_only=True, scope="a:b")(find_tickets.function)], "must end in :read"),
        ([close_ticket], "needs a database"),
    ],
)
def test_a_service_whose_tools_contradict_each_other_says_so_at_its_start(
    tools: list[Tool], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        offered_tools(Service("desk.service", "", tools=tools), None)
    assert words in capsys.readouterr().err


def test_a_preview_shows_and_does_nothing() -> None:
    [part] = open_ticket.show_preview({"title": "Oven"}, ALICE)
    assert part.text == "Oven"
    assert find_tickets.show_preview({}, ALICE) == ()


def untyped(words) -> Ticket:  # type: ignore[no-untyped-def]
    """Has no hint."""
    return Ticket(title=words)


def returns_text(words: str) -> str:
    """Returns no result."""
    return words


def other_parameters(words: str) -> list[DisplayPart]:
    return [DisplayPart("ticket.html", "text/html", words)]


def unexplained(words: str) -> Ticket:
    return Ticket(title=words)


@pytest.mark.parametrize(
    ("function", "reason"),
    [(untyped, "type hints"), (returns_text, "ToolResult"), (unexplained, "docstring")],
)
def test_a_function_that_says_too_little_is_refused(function: Any, reason: str) -> None:
    with pytest.raises(TypeError, match=reason):
        tool()(function)


def test_contradictions_are_refused() -> None:
    with pytest.raises(TypeError, match="only reads"):
        tool(reads_only=True, once_per_key=True)
    with pytest.raises(TypeError, match="APPROVALS"):
        tool(ask_first=False)
    with pytest.raises(TypeError, match="parameters of openTicket"):
        open_ticket.preview(other_parameters)
