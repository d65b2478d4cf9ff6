"""A conversation with the demo model, with tools that answer from a few homes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from demo_model.config import TOOL_SERVICES
from demo_model.phrasebook import Library, load_library
from demo_model.planning import next_turn
from demo_model.protocol import Function, Message, ToolCall, Turn
from tool_services import all_services
from tool_services.framework.app_factory import offered_tools
from tool_services.framework.service import Service, settings_type
from tool_services.framework.tools import Tool

ANN = "ann@example.com"
TOLD = f"You speak with Ann (e-mail address: {ANN}). Send only when asked."
HOMES: list[tuple[Any, ...]] = [
    ("L001", "123 Oak Street", "Portland", "OR", 825000, 3, 2, "Active"),
    ("L004", "321 Cedar Lane", "Portland", "OR", 650000, 2, 2, "Pending"),
    ("L005", "654 Birch Way", "Seattle", "WA", 950000, 3, 2.5, "Active"),
    ("L006", "987 Elm Court", "Portland", "OR", 1100000, 4, 3, "Sold"),
    ("L008", "258 Willow Place", "Portland", "OR", 575000, 3, 1.5, "Active"),
]
FIELDS = ("listingId", "address", "city", "state", "price", "bedrooms", "bathrooms", "status")
LISTINGS: list[dict[str, Any]] = [dict(zip(FIELDS, home, strict=True)) for home in HOMES]

Call = tuple[str, dict[str, Any]]
Answer = Callable[[dict[str, Any]], Any]


def call(name: str, **arguments: Any) -> Call:
    return (name, arguments)


@dataclass(frozen=True)
class Case:
    """A question, after others, and what it should lead to: calls, and words in the answer."""

    question: str
    calls: Sequence[Call]
    words: str = ""
    after: Sequence[str] = ()


def find_listings(arguments: dict[str, Any]) -> Any:
    found = [
        home
        for home in LISTINGS
        if arguments.get("city", home["city"]) == home["city"]
        and arguments.get("state", home["state"]) == home["state"]
        and arguments.get("status", home["status"]) == home["status"]
        and arguments.get("minBedrooms", 0) <= home["bedrooms"]
        and arguments.get("maxPrice", home["price"]) >= home["price"]
    ]
    return {"total": len(found), "listings": found}


def get_listing(arguments: dict[str, Any]) -> Any:
    home = next((each for each in LISTINGS if each["listingId"] == arguments["listingId"]), {})
    return {
        **home,
        **arguments,
        "description": "A porch and a pear tree.",
        "onMarketDate": "2026-01-31",
    }


def figures(listing_id: str) -> dict[str, Any]:
    number = int(listing_id[1:])
    return {
        "listingId": listing_id,
        "pageViews": 1250 + number,
        "saves": 45,
        "inquiries": 12,
        "daysOnMarket": 15,
        "clickThroughPercent": 3.4,
        "conversionPercent": 9 + number / 10,
        "lastUpdated": "2024-01-15T10:30:00Z",
    }


def listing_metrics(arguments: dict[str, Any]) -> Any:
    return {"metrics": [figures(listing_id) for listing_id in arguments["listingIds"]]}


def market_analysis(arguments: dict[str, Any]) -> Any:
    return {
        "area": arguments["area"],
        "averagePrice": 785000,
        "priceChangePercent": 8.5,
        "averageDaysOnMarket": 22,
        "totalListings": 156,
        "soldListings": 89,
        "pendingListings": 34,
        "competitionLevel": "High",
        "trends": {"priceDirection": "Up", "marketActivity": "Hot"},
    }


def performance_report(arguments: dict[str, Any]) -> Any:
    homes = [home for home in LISTINGS if home["listingId"] in arguments["listingIds"]]
    return {
        "summary": {
            "totalViews": 2140,
            "totalInquiries": 20,
            "averageDaysOnMarket": 19.5,
            "topPerformer": {
                "listingId": "L001",
                "conversionPercent": 9.6,
                "address": "123 Oak St",
            },
            "recommendations": ["Lower the price of L004", "Add photographs"],
        },
        "listings": [{**home, "metrics": figures(home["listingId"])} for home in homes],
    }


def send_report(arguments: dict[str, Any]) -> Any:
    return {"sent": False, **arguments, "delivery": "outbox"}


ANSWERS: dict[str, Answer] = {
    "findListings": find_listings,
    "getListing": get_listing,
    "sendListingReport": send_report,
    "getListingMetrics": listing_metrics,
    "getMarketAnalysis": market_analysis,
    "generatePerformanceReport": performance_report,
}


@dataclass(frozen=True)
class Domain:
    """What a demo model knows: the phrases of some services, the tools on offer, their answers."""

    library: Library
    functions: tuple[Function, ...]
    answers: Mapping[str, Answer] = field(default_factory=dict)


def tools_of(service: Service) -> list[Tool]:
    """The tools that a service offers when nothing is set."""
    return offered_tools(service, settings_type([service])(_env_file=None))


def function_of(tool: Tool) -> Function:
    """The tool as the app offers it to a model."""
    schema = tool.definition["inputSchema"]
    return Function(name=tool.name, description=tool.description, parameters=schema)


HOMES_TOOLS = [tool for service in all_services.services() for tool in tools_of(service)]
HOMES_DOMAIN = Domain(load_library(TOOL_SERVICES), tuple(map(function_of, HOMES_TOOLS)), ANSWERS)
TOOLS = tuple(function.name for function in HOMES_DOMAIN.functions)


@dataclass
class Talk:
    """One conversation; `tools` are on offer, `answers` replaces what single tools say."""

    tools: tuple[str, ...] | None = None
    answers: dict[str, Any] = field(default_factory=dict)
    messages: list[dict[str, Any]] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    domain: Domain = HOMES_DOMAIN

    def ask(self, question: str) -> str:
        """The answer to the question, once all tools were called; `calls` are those it made."""
        self.messages.append({"role": "user", "content": question})
        self.calls = []
        for _ in range(8):
            turn = self.turn()
            if not turn.calls:
                self.messages.append({"role": "assistant", "content": turn.text})
                return turn.text
            self._answer(turn.text, turn.calls)
        raise AssertionError(f"no end to the calls: {self.calls}")

    def turn(self) -> Turn:
        """The model's next turn."""
        offered = [f for f in self.domain.functions if self.tools is None or f.name in self.tools]
        messages = [Message(**message) for message in self.messages]
        return next_turn(messages, offered, self.domain.library)

    def after(self, *questions: str) -> list[Call]:
        """The calls that the last of these questions leads to."""
        for question in questions:
            self.ask(question)
        return self.calls

    def _answer(self, text: str, calls: tuple[ToolCall, ...]) -> None:
        made: list[dict[str, Any]] = []
        for each in calls:
            function = {"name": each.name, "arguments": json.dumps(each.arguments)}
            made.append({"id": f"call_{len(self.messages)}_{len(made)}", "function": function})
            self.calls.append((each.name, each.arguments))
        self.messages.append({"role": "assistant", "content": text, "tool_calls": made})
        for one, each in zip(made, calls, strict=True):
            result = self.answers.get(each.name) or self.domain.answers[each.name](each.arguments)
            content = result if isinstance(result, str) else json.dumps(result)
            self.messages.append({"role": "tool", "tool_call_id": one["id"], "content": content})


def wrong_in(case: Case, about: Domain) -> str:
    """What is wrong with the answer to the case's question; empty if nothing is."""
    talk = Talk(messages=[{"role": "system", "content": TOLD}], domain=about)
    for question in case.after:
        talk.ask(question)
    answer = talk.ask(case.question)
    if not _same(talk.calls, case.calls):
        return f"{case.question}: called {talk.calls}, not {list(case.calls)}"
    return "" if case.words in answer else f"{case.question}: {case.words!r} not in {answer!r}"


def _same(made: Sequence[Call], expected: Sequence[Call]) -> bool:
    return len(made) == len(expected) and all(
        name == other and given.keys() == wanted.keys() and _equal(given, wanted)
        for (name, given), (other, wanted) in zip(made, expected, strict=True)
    )


def _equal(given: dict[str, Any], wanted: dict[str, Any]) -> bool:
    return all(
        value.search(given[name]) if isinstance(value, re.Pattern) else given[name] == value
        for name, value in wanted.items()
    )
