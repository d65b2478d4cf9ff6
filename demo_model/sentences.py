"""Sentences with values in them, as the phrases write them.

`{path|format}` stands for a value. What is in square brackets is left out if a value in it is
missing; a sentence with another value missing is empty.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

_SLOT = re.compile(r"\{([\w.-]*)(?:\|([^{}]*))?\}")
_OPTIONAL = re.compile(r"\[([^\[\]]*)\]")


def filled(phrase: str, values: Mapping[str, Any], joint: str) -> str:
    """Return the phrase with its values. `joint` is what stands before the last one of a list."""

    def is_whole(part: str) -> bool:
        return all(value_at(slot[1], values) not in (None, []) for slot in _SLOT.finditer(part))

    while optional := _OPTIONAL.search(phrase):
        part = optional[1] if is_whole(optional[1]) else ""
        phrase = phrase[: optional.start()] + part + phrase[optional.end() :]
    if not is_whole(phrase):
        return ""
    return _SLOT.sub(lambda s: _written(value_at(s[1], values), s[2] or "", joint), phrase).strip(
        " "
    )


def value_at(path: str, values: Any) -> Any:
    """Return the value at a path such as `listings.0.address`; None where there is none."""
    for key in path.split("."):
        try:
            values = values[int(key) if isinstance(values, list) else key]
        except (LookupError, TypeError, ValueError):
            return None
    return values


def is_number(value: Any) -> TypeGuard[float]:
    """Tell numbers from the rest, to which true and false belong."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _inline(text: object) -> str:
    """Return text from elsewhere on one line, unable to break a table."""
    return " ".join(str(text).split()).replace("|", "\\|")


def _written(value: Any, form: str, joint: str) -> str:
    """Write a value in its format: raw, money, rate, change, or words for one and for many."""
    if isinstance(value, list | tuple):
        return _in_words(list(map(str, value)), joint)
    if not is_number(value):
        return _inline(value) if form != "raw" else str(value)
    match form.split(" ", 1):
        case ["money"]:
            return f"${value:,.0f}"
        case ["percent"]:
            return f"{_plain(value)} %"
        case ["change"]:
            return f"{'+' if value > 0 else ''}{_plain(value)} %"
        case ["count", nouns]:
            one, many = nouns.split("/")
            return f"{_plain(value)} {one if value == 1 else many}"
    return _plain(value)


def _in_words(words: Sequence[str], joint: str) -> str:
    """`a`, `a and b`, or `a, b and c`."""
    return f" {joint} ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def _plain(value: float) -> str:
    return f"{value:,.2f}".rstrip("0").rstrip(".")
