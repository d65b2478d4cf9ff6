"""The phrases completed by the tools on offer: what their schemas say, and phrases for the rest."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from demo_model.phrasebook import Phrasebook, Phrases
from demo_model.protocol import Function

FROM_SCHEMA = ("enum", "format", "maximum", "minimum", "type")
_PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


def with_offers(book: Phrasebook, functions: Iterable[Function]) -> Phrasebook:
    """Return the book with the tools on offer, which are those with an `offer`."""
    tools = book["tool"]
    offered = {f.name: _offered(f, tools.get(f.name) or _derived(f)) for f in functions}
    return Phrasebook({**book, "tool": {**offered, **tools, **offered}})


def _offered(function: Function, tool: Phrases) -> Phrases:
    """Return the tool with all that is known of each argument, in the order of the phrases."""
    said, schema = tool.get("argument", {}), function.parameters
    known = schema.get("properties") or {name: {} for name in said}
    arguments = {name: _argument(name, known[name]) for name in [*said, *known] if name in known}
    for name, argument in arguments.items():
        argument |= {"required": name in schema.get("required", ()), **said.get(name, {})}
    first = re.split(r"(?<=\.)\s", function.description)[0]
    return {"examples": [first] if first else [], **tool, "argument": arguments, "offer": True}


def _argument(name: str, schema: Any) -> Phrases:
    schema = schema if isinstance(schema, dict) else {}
    what = schema.get("title") or schema.get("description") or name
    return {"what": what, **{key: schema[key] for key in FROM_SCHEMA if key in schema}}


def _derived(function: Function) -> Phrases:
    """Phrases for a tool that has none: the words of its name, in their order."""
    words = [part.lower() for part in _PART.findall(function.name.split("__")[-1])]
    stems = [rf"{re.escape(word.rstrip('s'))}\w{{0,3}}" for word in words if len(word) > 2]
    return {"ask": [r"\b.{0,60}\b".join(stems)] if stems else [], "again": False}
