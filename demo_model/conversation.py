"""A request's messages as exchanges, and the things that their results told about."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from demo_model.phrasebook import Phrasebook, Phrases, compiled
from demo_model.protocol import Message, ToolCall, read_json

EMAIL = re.compile(r"[\w.+'-]{1,64}@(?:[\w-]{1,63}\.){1,8}[a-z]{2,24}", re.I)
UNREADABLE = "The tool's answer came in a form that I can't read."
SILENT = "The tool failed and did not say why."
Rows = dict[str, dict[str, Any]]
"""Things by their ids."""


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


@dataclass
class Seen:
    """The things in a conversation: all, those listed last, and the ids of those talked of last."""

    known: Rows = field(default_factory=dict)
    listed: Rows = field(default_factory=dict)
    focus: list[str] = field(default_factory=list)


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


def look_at(conversation: Iterable[Exchange], thing: Phrases) -> Seen:
    """Return what the exchanges told about things of one kind."""
    seen = Seen()
    for exchange in conversation:
        made = exchange.outcomes
        rows = {name: row for o in made for name, row in rows_in(o.result, thing).items()}
        seen.known |= {name: seen.known.get(name, {}) | row for name, row in rows.items()}
        asked = ids_in(json.dumps([outcome.call.arguments for outcome in made]), thing)
        told = [name for name in ids_in(exchange.answer, thing) if name in seen.known]
        focus = asked or list(rows) or told
        # After a search that found nothing, "them" is nothing, not what an older search found.
        searched = any(o.call.name == thing["find"] and not o.error for o in made)
        seen.listed = rows if searched else seen.listed
        seen.focus = focus if searched or focus else seen.focus
    return seen


def rows_in(result: Any, thing: Phrases) -> Rows:
    """Return the things that a result lists, or the one that it is itself."""
    rows = result.get(thing["list"], [result]) if isinstance(result, dict) else result
    listed = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return {str(row[thing["id"]]): row for row in listed if thing["id"] in row}


def ids_in(text: str, thing: Phrases) -> list[str]:
    """Return the ids in the text as they are written properly, each once."""
    found = compiled(thing["pattern"]).finditer(EMAIL.sub(" ", text))
    return list(dict.fromkeys(match[0].upper() for match in found))


def pointed_at(text: str, book: Phrasebook, thing: Phrases, seen: Seen) -> list[str] | None:
    """Return the things meant by name, rank or place in the last list; None if none are."""
    lower, called, listed = text.lower(), thing.get("called", ""), list(seen.listed)
    by_name = [n for n, row in seen.known.items() if str(row.get(called, "\0")).lower() in lower]
    if by_name:
        return by_name
    if rank := ranked(text, thing):
        return pick(rank, seen.listed)
    if few := book.finds("first_few", text):
        count = read_json(str(book["numbers"].get(few["n"].lower(), few["n"])))
        return listed[:count] if isinstance(count, int) else None
    if not book.finds("ordinal", text):
        return None
    ordinals = book["ordinals"]
    places = [ordinals[word] for word in re.findall(r"\w+", lower) if word in ordinals]
    return [listed[at] for at in places if -len(listed) <= at < len(listed)]


def ranked(text: str, thing: Phrases) -> Phrases | None:
    """Return the rank that the text names, such as "the cheapest"."""
    ranks = thing.get("rank", {}).values()
    return next((rank for rank in ranks if compiled(rank["words"]).search(text)), None)


def pick(rank: Phrases, rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the things that the rank fits; more than one when they tie."""
    values = {name: row.get(rank["by"]) for name, row in rows.items()}
    sizes: dict[str, Any] = {name: value for name, value in values.items() if is_number(value)}
    # Dates in ISO 8601 are in the order of their letters.
    sizes = sizes or {name: value for name, value in values.items() if isinstance(value, str)}
    best = (min if rank["pick"] == "min" else max)(sizes.values(), default=None)
    return [name for name, value in sizes.items() if value == best]


def is_number(value: Any) -> TypeGuard[float]:
    """Tell numbers from the rest, to which true and false belong."""
    return isinstance(value, int | float) and not isinstance(value, bool)


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
