"""A tool as a value: what the model is told about it, and the function that answers a call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypedDict

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic.json_schema import GenerateJsonSchema

from tool_services.framework.tokens import Caller

JsonObject = dict[str, Any]

Moment = Annotated[
    str, Field(description="ISO 8601, in UTC", json_schema_extra={"format": "date-time"})
]


class _Untitled(GenerateJsonSchema):
    """Without a title for each field: it would only be the field's name again."""

    def field_title_should_be_set(self, _schema: Any) -> bool:
        return False


@dataclass(frozen=True)
class Part:
    """Something that a tool shows people, while its result is for models. `name` is a file's.

    HTML may lay out and emphasise, and name the classes that docs/tools.md has; pictures are in it
    as data: URLs. Nothing else survives the app's cleaning.
    """

    name: str
    media_type: Literal["text/html", "text/csv"]
    text: str

    def block(self, service: str) -> JsonObject:
        """A content block of the Model Context Protocol."""
        return {
            "type": "resource",
            "resource": {
                "uri": f"ui://{service}/{self.name}",
                "mimeType": self.media_type,
                "text": self.text,
            },
            "annotations": {"audience": ["user"]},
        }


class ToolResult(BaseModel):
    """Base of what tools answer, checked as it is made; its JSON has names in camelCase."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, frozen=True)

    @classmethod
    def json_schema(cls) -> JsonObject:
        """JSON Schema (draft 2020-12) of the JSON."""
        return cls.model_json_schema(mode="serialization", schema_generator=_Untitled)

    def as_json(self) -> JsonObject:
        return self.model_dump(mode="json", by_alias=True)

    def shown(self) -> Sequence[Part]:
        """What people are shown of it. Called while its service's app context is there."""
        return ()


Handler = Callable[[JsonObject, Caller], ToolResult]
Preview = Callable[[JsonObject, Caller], Sequence[Part]]


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

    It returns an `output`, or raises a ServiceError. `preview`, with the same arguments, shows what
    a call would do, and does nothing. `client_capabilities` are those of the Model
    Context Protocol that a client must have for the tool to work.
    """

    name: str
    description: str
    input_schema: Mapping[str, Any]
    output: type[ToolResult]
    annotations: Annotations
    handler: Handler
    preview: Preview | None = None
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
