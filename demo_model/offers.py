"""The tools on offer, each with its phrases; a tool without any gets some from its schema."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property
from typing import Any

from demo_model.phrasebook import Phrasebook, Phrases
from demo_model.protocol import Function

_PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


class Offers:
    """What may be asked for: every tool that is on offer or has phrases."""

    def __init__(self, book: Phrasebook, functions: Iterable[Function]) -> None:
        self.functions = {function.name: function for function in functions}
        told = book.table("tool")
        derived = {n: _derived(f) for n, f in self.functions.items() if n not in told}
        self.tools: dict[str, Phrases] = {**told, **derived}
        # Things that no tool on offer finds may still be meant by their ids.
        self.things: dict[str, Phrases] = book.table("thing")

    @cached_property
    def values(self) -> frozenset[str]:
        """The words of the values that arguments on offer may have."""
        enums = [
            value
            for function in self.functions.values()
            for schema in function.parameters.get("properties", {}).values()
            for value in schema.get("enum", ())
        ]
        return frozenset(re.findall(r"[a-z]+", " ".join(map(str, enums)).lower()))

    def arguments(self, tool: str) -> dict[str, tuple[Phrases, dict[str, Any]]]:
        """Return the phrases and the schema of each argument of the tool, in reading order."""
        said: dict[str, Phrases] = self.tools.get(tool, {}).get("argument", {})
        schema = self._schema(tool)
        known: dict[str, Any] = schema.get("properties", {})
        if not known:
            return {name: (phrases, {}) for name, phrases in said.items()}
        names = [name for name in said if name in known] + [n for n in known if n not in said]
        return {name: (said.get(name, {}), known[name]) for name in names}

    def required(self, tool: str) -> list[str]:
        """Return the arguments that a call can't do without."""
        required: list[str] = self._schema(tool).get("required", [])
        return [name for name in required if name in self.arguments(tool)]

    def named(self, tool: str) -> set[str]:
        """Return the arguments that are proper names."""
        return {name for name, (said, _) in self.arguments(tool).items() if "name" in said}

    def _schema(self, tool: str) -> dict[str, Any]:
        return self.functions[tool].parameters if tool in self.functions else {}


def _derived(function: Function) -> Phrases:
    """Phrases for a tool that has none: the words of its name, in their order."""
    words = [part.lower() for part in _PART.findall(function.name.split("__")[-1])]
    stems = [rf"{re.escape(word.rstrip('s'))}\w{{0,3}}" for word in words if len(word) > 2]
    return {"ask": [r"\b.{0,60}\b".join(stems)] if stems else [], "again": False}
