"""Which of the things seen before a text points at: "the second one", "the cheapest"."""

from __future__ import annotations

import re
from typing import Any, TypeGuard

from demo_model.conversation import Seen
from demo_model.phrasebook import Phrasebook, Phrases, compiled


def pointed_at(text: str, book: Phrasebook, thing: Phrases, seen: Seen) -> tuple[list[str], bool]:
    """Return the things meant by name, rank or place in the last list; and if any are."""
    lower, called = text.lower(), thing.get("called", "")
    by_name = [n for n, row in seen.known.items() if str(row.get(called, "\0")).lower() in lower]
    if by_name:
        return by_name, True
    if best := ranked(text, thing):
        return pick(best, seen), True
    if few := book.value_pattern(book.table("patterns")["first_few"]).search(text):
        count = book.table("numbers").get(few["n"].lower()) or few["n"]
        return (seen.listed[: int(count)], True) if str(count).isdigit() else ([], False)
    if not book.pattern("ordinal").search(text):
        return [], False
    places = book.table("ordinals")
    said = [places[word] for word in re.findall(r"\w+", lower) if word in places]
    return [seen.listed[at] for at in said if -len(seen.listed) <= at < len(seen.listed)], True


def is_number(value: Any) -> TypeGuard[float]:
    """Tell numbers from the rest, to which true and false belong."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def ranked(text: str, thing: Phrases) -> Phrases | None:
    """Return the rank that the text names, such as "the cheapest"."""
    ranks = thing.get("rank", {}).values()
    return next((rank for rank in ranks if compiled(rank["words"]).search(text)), None)


def pick(rank: Phrases, seen: Seen) -> list[str]:
    """Return the listed things that the rank fits; more than one when they tie."""
    values = {n: seen.known[n].get(rank["by"]) for n in seen.listed}
    sizes: dict[str, Any] = {name: value for name, value in values.items() if is_number(value)}
    # Dates in ISO 8601 are in the order of their letters.
    sizes = sizes or {name: value for name, value in values.items() if isinstance(value, str)}
    best = (min if rank["pick"] == "min" else max)(sizes.values(), default=None)
    return [name for name, value in sizes.items() if value == best]
