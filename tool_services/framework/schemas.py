"""The JSON that a tool takes and gives, as pydantic models, and its JSON Schema (2020-12)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any, TypeVar

from email_validator import EmailNotValidError, validate_email
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode
from pydantic_core import core_schema

from tool_services.framework.display import DisplayPart

JsonObject = dict[str, Any]


class ToolArguments(BaseModel):
    """Base of the arguments of a tool. In JSON their names are in camelCase.

    Nothing is converted: a number in quotes is not a number. Unknown names are refused.
    """

    model_config = ConfigDict(alias_generator=to_camel, strict=True, extra="forbid", frozen=True)

    @classmethod
    def json_schema(cls) -> JsonObject:
        """Return the schema that a model and the approval form work from."""
        return _schema(cls, "validation")


class ToolResult(BaseModel):
    """Base of the result of a tool. In JSON its names are in camelCase."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, frozen=True)

    @classmethod
    def json_schema(cls) -> JsonObject:
        """Return the schema of `as_json`."""
        return _schema(cls, "serialization")

    def as_json(self) -> JsonObject:
        """Return the result as a JSON object."""
        return self.model_dump(mode="json", by_alias=True)

    def shown(self) -> Sequence[DisplayPart]:
        """Return what people see of it. Called only where people will see it."""
        return ()

    def suggested(self) -> Sequence[str]:
        """Return up to four questions to ask next, which name only what is in the result.

        People see those of at most 80 characters as buttons.
        """
        return ()

    def in_words(self) -> str:
        """Return a few words on what came of the call, such as "7 found"; at most 80 characters.

        People see them at the end of the call's line.
        """
        return ""


class NotNull:
    """Refuses null for an argument that may be left out."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        nullable: Any = handler(source)
        schema: core_schema.CoreSchema = nullable["schema"]
        return schema


class Distinct:
    """Refuses a list of strings that contains one of them twice."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(_distinct, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonObject:
        return handler(schema) | {"uniqueItems": True}


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _email(value: str) -> str:
    try:
        validate_email(value, check_deliverability=False)
    except EmailNotValidError:
        raise ValueError("must be an e-mail address such as ann@example.com") from None
    return value


def _distinct(values: list[str]) -> list[str]:
    if len(set(values)) < len(values):
        raise ValueError("must not contain anything twice")
    return values


T = TypeVar("T")
Omittable = Annotated[T | None, NotNull()]
"""An argument that may be left out; it is None then. The schema doesn't allow null."""

ACCEPT_ZERO_FRACTION = BeforeValidator(_whole)
"""Lets an integer be written as 3.0, as JSON Schema does."""

# Pydantic's own type would also accept "Ann <ann@example.com>", and change the address.
EmailAddress = Annotated[
    str, Field(max_length=254, json_schema_extra={"format": "email"}), AfterValidator(_email)
]

Timestamp = Annotated[
    str, Field(description="ISO 8601, in UTC", json_schema_extra={"format": "date-time"})
]


class _Compact(GenerateJsonSchema):
    """Leaves out what a model pays for and learns nothing from.

    Titles that repeat a name, the docstrings of classes, and null as a default.
    """

    def field_title_should_be_set(self, _schema: Any) -> bool:
        return False

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonObject:
        json_schema = super().model_schema(schema)
        return {k: v for k, v in json_schema.items() if k not in ("title", "description")}

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonObject:
        json_schema = super().default_schema(schema)
        if json_schema.get("default", "") is None:
            del json_schema["default"]
        return json_schema


@cache
def _schema(model: type[BaseModel], mode: JsonSchemaMode) -> JsonObject:
    return model.model_json_schema(mode=mode, schema_generator=_Compact)
