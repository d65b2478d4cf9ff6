"""A request's messages as exchanges: a question, what the tools answered, what was said."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from demo_model.phrases import last_email_address, listing_ids
from demo_model.protocol import Message, ToolCall
from demo_model.results import (
    FoundListings,
    Listing,
    PerformanceReport,
    Result,
    read_result,
)


@dataclass(frozen=True)
class Outcome:
    """A tool call with its result; a failed one has its error in words instead."""

    call: ToolCall
    result: Result | None = None
    error: str | None = None


@dataclass(frozen=True)
class Exchange:
    """One question of the person and all that followed it, as far as it has come."""

    question: str
    outcomes: tuple[Outcome, ...] = ()
    answer: str = ""

    @property
    def results(self) -> tuple[Result, ...]:
        """The results of the calls that succeeded."""
        return tuple(outcome.result for outcome in self.outcomes if outcome.result)

    @property
    def listings(self) -> tuple[Listing, ...]:
        """The homes that this exchange's searches and reports brought, each once."""
        found = [
            listing
            for result in self.results
            if isinstance(result, FoundListings | PerformanceReport)
            for listing in result.listings
        ]
        return tuple({listing.listing_id: listing for listing in found}.values())

    @property
    def listing_ids(self) -> tuple[str, ...]:
        """The homes that this exchange was about; empty when it was about none."""
        asked = [
            str(listing_id)
            for outcome in self.outcomes
            for listing_id in _as_list(outcome.call.arguments.get("listingIds"))
        ]
        found = [listing.listing_id for listing in self.listings]
        return tuple(dict.fromkeys(asked or found)) or listing_ids(self.answer)


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def exchanges(messages: Iterable[Message]) -> tuple[Exchange, ...]:
    """The conversation so far; the last exchange is the one to go on with."""
    groups: list[list[Message]] = []
    for message in messages:
        if message.role == "user":
            groups.append([message])
        elif groups:
            groups[-1].append(message)
    return tuple(_exchange(group[0].text, group[1:]) for group in groups)


def own_address(messages: Iterable[Message]) -> str | None:
    """The person's e-mail address, if the instructions name it. The last one counts: their name,
    in which they may write what they like, comes before it."""
    told = " ".join(m.text for m in messages if m.role in ("system", "developer"))
    return last_email_address(told)


def _exchange(question: str, replies: list[Message]) -> Exchange:
    contents = {reply.tool_call_id: reply.text for reply in replies if reply.role == "tool"}
    outcomes = tuple(
        _outcome(call.function.name, call.function.arguments, contents[call.id])
        for reply in replies
        for call in reply.tool_calls or ()
    )
    said = " ".join(reply.text for reply in replies if reply.role == "assistant")
    return Exchange(question, outcomes, said)


def _outcome(name: str, arguments: str, content: str) -> Outcome:
    call = ToolCall(name, _arguments(arguments))
    result = read_result(name, content)
    return Outcome(call, error=result) if isinstance(result, str) else Outcome(call, result)


def _arguments(text: str) -> dict[str, Any]:
    try:
        arguments = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return arguments if isinstance(arguments, dict) else {}
