"""The things that a conversation has told about, and which of them a text points at."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from demo_model.conversation import EMAIL, Exchange
from demo_model.phrasebook import Phrasebook, Phrases, compiled
from demo_model.sentences import is_number

DEEPEST = 4
Row = dict[str, Any]


@dataclass
class Seen:
    """The things in a conversation: their values, those listed last, those talked of last."""

    known: dict[str, Row] = field(default_factory=dict)
    listed: list[str] = field(default_factory=list)
    focus: list[str] = field(default_factory=list)


def look_at(conversation: Iterable[Exchange], thing: Phrases) -> Seen:
    """Return what the exchanges told about things of one kind."""
    seen = Seen()
    for exchange in conversation:
        results = [outcome.result for outcome in exchange.outcomes]
        rows = rows_in(results, thing)
        for name, row in rows.items():
            seen.known[name] = seen.known.get(name, {}) | row
        listed = [each[thing["list"]] for each in _objects(results) if thing["list"] in each]
        asked = json.dumps([outcome.call.arguments for outcome in exchange.outcomes])
        talked_of = ids_in(asked, thing) or list(rows)
        if not exchange.outcomes:
            talked_of = [name for name in ids_in(exchange.answer, thing) if name in seen.known]
        # After a search that found nothing, "them" is nothing, not what an older search found.
        searched = any(o.call.name == thing["find"] and not o.error for o in exchange.outcomes)
        seen.listed = list(rows_in(listed, thing)) or ([] if searched else seen.listed)
        seen.focus = talked_of or ([] if searched else seen.focus)
    return seen


def rows_in(result: Any, thing: Phrases) -> dict[str, Row]:
    """Return the things that a result tells about, by their ids."""
    return {str(row[thing["id"]]): row for row in _objects(result) if thing["id"] in row}


def ids_in(text: str, thing: Phrases) -> list[str]:
    """Return the ids in the text as they are written properly, each once."""
    found = compiled(thing["pattern"]).finditer(EMAIL.sub(" ", text))
    return list(dict.fromkeys(match[0].upper() for match in found))


def pointed_at(text: str, book: Phrasebook, thing: Phrases, seen: Seen) -> list[str] | None:
    """Return the things meant by name, rank or place in the last list; None if none are."""
    lower, called = text.lower(), thing.get("called", "")
    by_name = [n for n, row in seen.known.items() if str(row.get(called, "\0")).lower() in lower]
    if by_name:
        return by_name
    if best := ranked(text, thing):
        return pick(best, seen)
    if few := book.finds("first_few", text):
        count = str(book["numbers"].get(few["n"].lower(), few["n"]))
        return seen.listed[: int(count)] if count.isdigit() else None
    if not book.finds("ordinal", text):
        return None
    places = [
        book["ordinals"][word] for word in re.findall(r"\w+", lower) if word in book["ordinals"]
    ]
    return [seen.listed[at] for at in places if -len(seen.listed) <= at < len(seen.listed)]


def ranked(text: str, thing: Phrases) -> Phrases | None:
    """Return the rank that the text names, such as "the cheapest"."""
    ranks = thing.get("rank", {}).values()
    return next((rank for rank in ranks if compiled(rank["words"]).search(text)), None)


def pick(rank: Phrases, seen: Seen) -> list[str]:
    """Return the listed things that the rank fits; more than one when they tie."""
    values = {name: seen.known[name].get(rank["by"]) for name in seen.listed}
    sizes: dict[str, Any] = {name: value for name, value in values.items() if is_number(value)}
    # Dates in ISO 8601 are in the order of their letters.
    sizes = sizes or {name: value for name, value in values.items() if isinstance(value, str)}
    best = (min if rank["pick"] == "min" else max)(sizes.values(), default=None)
    return [name for name, value in sizes.items() if value == best]


def _objects(value: Any, depth: int = 0) -> Iterator[Row]:
    """Yield the objects in a value, down to a depth that results have."""
    if isinstance(value, dict):
        yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if depth < DEEPEST:
        for item in inner:
            yield from _objects(item, depth + 1)
