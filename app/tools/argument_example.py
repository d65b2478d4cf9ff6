"""Makes an example of right arguments from a tool's schema, for a model that got them wrong.

It keeps what the model wrote rightly. What it adds are plain placeholders: a small model copies
examples, and must not find anybody's id or address in them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from app.tools.argument_schema import (
    MAX_DEPTH,
    JsonObject,
    branches_of,
    fits,
    lowest_number,
    properties,
    required_names,
    type_names,
)

MAX_FIELDS = 20
MAX_VALUES = 100
"""Values in one example. A schema whose parts hold each other could have millions."""

_TEXTS = {
    "email": "name@example.com",
    "date": "2026-01-31",
    "date-time": "2026-01-31T10:30:00Z",
    "uri": "https://example.com/",
}


def example_arguments(schema: JsonObject, given: JsonObject) -> JsonObject:
    """Return arguments like the given ones, with a placeholder for each that is missing or wrong.

    They are right as far as a glance at the schema tells; the caller validates them.
    """
    return _object(schema, schema, given, 0, iter(range(MAX_VALUES)))


def _object(
    root: JsonObject, schema: JsonObject, given: JsonObject, depth: int, left: Iterator[int]
) -> JsonObject:
    needed = required_names(schema)
    fields = {
        name: field for name, field in properties(schema).items() if name in needed or name in given
    }
    return {
        name: given[name]
        if name in given and fits(root, field, given[name])
        else _value(root, field, depth, left)
        for name, field in list(fields.items())[:MAX_FIELDS]
    }


def _value(root: JsonObject, schema: Any, depth: int, left: Iterator[int]) -> Any:
    """Return a placeholder; None where there is none, or no more values are `left`."""
    if next(left, None) is None:
        return None
    branch = next(branches_of(root, schema))
    for keyword in ("const", "default"):
        if keyword in branch:
            return branch[keyword]
    for keyword in ("enum", "examples"):
        if isinstance(branch.get(keyword), list) and branch[keyword]:
            return branch[keyword][0]
    if depth >= MAX_DEPTH:
        return None
    makers: dict[str, Callable[[], Any]] = {
        "object": lambda: _object(root, branch, {}, depth + 1, left),
        "array": lambda: [_value(root, branch.get("items", {}), depth + 1, left)],
        "integer": lambda: lowest_number(branch),
        "number": lambda: lowest_number(branch),
        "boolean": lambda: True,
    }
    kind = next((kind for kind in makers if kind in type_names(branch)), None)
    return makers[kind]() if kind else _TEXTS.get(str(branch.get("format")), "text")
