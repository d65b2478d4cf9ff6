"""A tool call in one line for people: `@tool(words="Searching|Searched notes[ about {text}]")`.

Of two words with a bar between them, the first is for a call that isn't done, the second for one
that is. `{text}` is an argument; `{price:,}` has its thousands apart, such as 900,000. What stands
in brackets, or between two ` · `, is left out if an argument in it isn't given.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

LONGEST_LINE = 200
LONGEST_VALUE = 60
"""Characters of a line, and of one value in it."""
BETWEEN = " · "
_SHOWN_OF_LIST = 3

_FIELD = re.compile(r"\{(\w+)(:,)?\}")
_OPTIONAL = re.compile(r"\[([^\[\]]*)\]")
_ALTERNATIVES = re.compile(r"([^\s|]+)\|([^\s|]+)")


def unknown_arguments(words: str, known: Iterable[str]) -> list[str]:
    """Return the arguments that a line names and that are not `known`."""
    names = set(known)
    return [name for name, _ in _FIELD.findall(words) if name not in names]


def call_in_words(words: str, arguments: Mapping[str, Any], *, done: bool) -> str:
    """Return the line for a call with these arguments."""
    chosen = _ALTERNATIVES.sub(r"\2" if done else r"\1", words)
    values = {
        field[0]: value_in_words(arguments.get(field[1]), "," if field[2] else "")
        for field in _FIELD.finditer(chosen)
    }
    pieces = filter(None, (_filled(piece, values) for piece in chosen.split(BETWEEN)))
    return shorten(BETWEEN.join(pieces), LONGEST_LINE)


def value_in_words(value: Any, thousands: str = "") -> str:
    """Return an argument as people read it; "" if there is nothing to read."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:{thousands}.10g}" if isinstance(value, float) else f"{value:{thousands}}"
    if isinstance(value, list):
        shown = [value_in_words(each, thousands) for each in value[:_SHOWN_OF_LIST]]
        left = len(value) - len(shown)
        return ", ".join(shown) + (f" and {left} more" if left else "")
    text = value if isinstance(value, str) else "" if value is None else json.dumps(value)
    return shorten(" ".join(text[: 4 * LONGEST_VALUE].split()), LONGEST_VALUE)


def shorten(text: str, longest: int) -> str:
    """Return the text, or its beginning with "…" if it has more than `longest` characters."""
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip()}…"


def _filled(piece: str, values: Mapping[str, str]) -> str:
    """Return a piece of a line with the values of its fields; "" if one of them isn't given."""
    kept = _OPTIONAL.sub(lambda part: part[1] if _all_given(part[1], values) else "", piece)
    # In one pass, since a value may look like a field.
    return _FIELD.sub(lambda field: values[field[0]], kept) if _all_given(kept, values) else ""


def _all_given(piece: str, values: Mapping[str, str]) -> bool:
    return all(values[field[0]] for field in _FIELD.finditer(piece))
