"""The tools on offer, each with its phrases; a tool without any gets some from its schema."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property

from demo_model.phrasebook import Phrasebook, Phrases
from demo_model.protocol import Function

_PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


class Offers:
    """What may be asked for: every tool that is on offer or has phrases."""

    def __init__(self, book: Phrasebook, functions: Iterable[Function]) -> None:
        self.functions = {function.name: function for function in functions}
        derived = {n: _derived(f) for n, f in self.functions.items() if n not in book["tool"]}
        self.book, self.tools = book, {**book["tool"], **derived}

    @cached_property
    def values(self) -> frozenset[str]:
        """The words of the values that arguments on offer may have."""
        arguments = (a for tool in self.functions for a in self.arguments(tool).values())
        values = " ".join(str(value) for each in arguments for value in each.get("enum", ()))
        return frozenset(re.findall(r"[a-z]+", values.lower()))

    def arguments(self, tool: str) -> dict[str, Phrases]:
        """Return what the schema and the phrases say of each argument, in reading order.

        `required` is true for those that a call can't do without.
        """
        said: dict[str, Phrases] = self.tools.get(tool, {}).get("argument", {})
        schema = self.functions[tool].parameters if tool in self.functions else {}
        known, required = schema.get("properties"), schema.get("required", ())
        if not known:
            return said
        names = [*(name for name in said if name in known), *(n for n in known if n not in said)]
        return {n: {**known[n], **said.get(n, {}), "required": n in required} for n in names}

    def named(self, tool: str) -> dict[str, str]:
        """Return the arguments that are proper names, with the part of the name that each takes."""
        return {name: a["name"] for name, a in self.arguments(tool).items() if "name" in a}


def _derived(function: Function) -> Phrases:
    """Phrases for a tool that has none: the words of its name, in their order."""
    words = [part.lower() for part in _PART.findall(function.name.split("__")[-1])]
    stems = [rf"{re.escape(word.rstrip('s'))}\w{{0,3}}" for word in words if len(word) > 2]
    return {"ask": [r"\b.{0,60}\b".join(stems)] if stems else [], "again": False}
