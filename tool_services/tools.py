"""A tool as a value: what the model is told about it, and the function that answers a call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

from tool_services.tokens import Caller

JsonObject = dict[str, Any]
Handler = Callable[[JsonObject, Caller], JsonObject]


class Annotations(TypedDict):
    """Hints of the Model Context Protocol on what a call does to the world."""

    title: str
    readOnlyHint: bool
    idempotentHint: bool
    destructiveHint: bool
    openWorldHint: bool


@dataclass(frozen=True)
class Tool:
    """`handler(arguments, caller)` gets arguments that satisfy `input_schema`.

    It returns a JSON object, or raises a ServiceError.
    """

    name: str
    description: str
    input_schema: Mapping[str, Any]
    annotations: Annotations
    handler: Handler

    def described(self) -> JsonObject:
        """The tool as a catalogue lists it."""
        return {
            "name": self.name,
            "description": self.description,
            "inputSchema": dict(self.input_schema),
            "annotations": dict(self.annotations),
        }


def reading(title: str) -> Annotations:
    """Annotations of a tool that only looks up what its own service knows."""
    return Annotations(
        title=title,
        readOnlyHint=True,
        idempotentHint=True,
        destructiveHint=False,
        openWorldHint=False,
    )


def arguments_schema(
    properties: Mapping[str, Any], required: tuple[str, ...] = ()
) -> Mapping[str, Any]:
    """JSON Schema (draft 2020-12) of an object with these properties and no others."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }
