"""A tool as a value: what the model is told about it, and the function that answers a call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic.json_schema import GenerateJsonSchema

from tool_services.tokens import Caller

JsonObject = dict[str, Any]

Moment = Annotated[
    str, Field(description="ISO 8601, in UTC", json_schema_extra={"format": "date-time"})
]


class _Untitled(GenerateJsonSchema):
    """Without a title for each field: it would only be the field's name again."""

    def field_title_should_be_set(self, _schema: Any) -> bool:
        return False


class ToolResult(BaseModel):
    """Base of what tools answer, checked as it is made; its JSON has names in camelCase."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, frozen=True)

    @classmethod
    def json_schema(cls) -> JsonObject:
        """JSON Schema (draft 2020-12) of the JSON."""
        return cls.model_json_schema(mode="serialization", schema_generator=_Untitled)

    def as_json(self) -> JsonObject:
        return self.model_dump(mode="json", by_alias=True)


Handler = Callable[[JsonObject, Caller], ToolResult]


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

    It returns an `output`, or raises a ServiceError. `client_capabilities` are those of the Model
    Context Protocol that a client must have for the tool to work.
    """

    name: str
    description: str
    input_schema: Mapping[str, Any]
    output: type[ToolResult]
    annotations: Annotations
    handler: Handler
    client_capabilities: tuple[str, ...] = ()

    def described(self) -> JsonObject:
        """The tool as a catalogue lists it."""
        return {
            "name": self.name,
            "title": self.annotations["title"],
            "description": self.description,
            "inputSchema": dict(self.input_schema),
            "outputSchema": self.output.json_schema(),
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
