"""A request's messages as exchanges: a question, what the tools returned, what was said."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from demo_model.protocol import Message, ToolCall, read_json

EMAIL = re.compile(r"[\w.+'-]{1,64}@(?:[\w-]{1,63}\.){1,8}[a-z]{2,24}", re.I)
UNREADABLE = "The tool's answer came in a form that I can't read."
SILENT = "The tool failed and did not say why."


@dataclass(frozen=True)
class Outcome:
    """A tool call with its result; a failed one has its error in words instead."""

    call: ToolCall
    result: Any = None
    error: str = ""


@dataclass(frozen=True)
class Exchange:
    """One question of the person and all that followed it, as far as it has come."""

    question: str
    outcomes: tuple[Outcome, ...] = ()
    answer: str = ""


def exchanges(messages: Iterable[Message]) -> list[Exchange]:
    """Return the conversation so far; the last exchange is the one to go on with."""
    groups: list[list[Message]] = []
    for message in messages:
        if message.role == "user":
            groups.append([message])
        elif groups:
            groups[-1].append(message)
    return [_exchange(question.text, replies) for question, *replies in groups]


def own_address(messages: Sequence[Message]) -> str:
    """Return the person's e-mail address, if the instructions name it. The last one counts: their
    name, in which they may write what they like, comes before it."""
    told = " ".join(m.text for m in messages if m.role in ("system", "developer"))
    return str(["", *EMAIL.findall(told)][-1])


def _exchange(question: str, replies: Sequence[Message]) -> Exchange:
    contents = {reply.tool_call_id: reply.text for reply in replies if reply.role == "tool"}
    calls = [call for reply in replies for call in reply.tool_calls or ()]
    outcomes = tuple(_outcome(call, contents[call.id]) for call in calls)
    said = " ".join(reply.text for reply in replies if reply.role == "assistant")
    return Exchange(question, outcomes, said)


def _outcome(call: ToolCall, content: str) -> Outcome:
    result = read_json(content)
    if isinstance(result, dict) and result.keys() <= {"untrusted_data", "note", "from"}:
        result = result.get("untrusted_data", result)
    error = result.get("error") if isinstance(result, dict) else None
    if isinstance(error, dict):
        error = error.get("message") or SILENT
    if result is None:
        error = UNREADABLE
    return Outcome(call, error=" ".join(str(error).split())) if error else Outcome(call, result)
