"""What a JSON Schema says of one value, as far as it can be told at a glance.

Patterns, formats and conditions are for the validator. Everything is bounded, since the schema may
be another party's, and a schema is never used to fetch anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

JsonObject = dict[str, Any]

MAX_DEPTH = 6
MAX_BRANCHES = 8

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int, float),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def branches_of(root: JsonObject, schema: Any) -> Iterator[JsonObject]:
    """Yield the schema, or each of the schemas that it is any or one of; references resolved."""
    schema = resolve(root, schema)
    choices = schema.get("anyOf", schema.get("oneOf"))
    if not isinstance(choices, list):
        yield schema
        return
    for choice in choices[:MAX_BRANCHES]:
        yield resolve(root, choice)


def resolve(root: JsonObject, schema: Any) -> JsonObject:
    """Follow references within the schema, such as "#/$defs/Status"."""
    for _ in range(MAX_DEPTH):
        reference = schema.get("$ref") if isinstance(schema, dict) else None
        if not isinstance(reference, str) or not reference.startswith("#/"):
            break
        schema = root
        for step in reference[2:].split("/"):
            schema = schema.get(step) if isinstance(schema, dict) else None
    return schema if isinstance(schema, dict) else {}


def type_names(branch: JsonObject) -> set[str]:
    named = branch.get("type", [])
    return {named} if isinstance(named, str) else {one for one in named if isinstance(one, str)}


def properties(schema: JsonObject) -> Mapping[str, Any]:
    named = schema.get("properties")
    return named if isinstance(named, dict) else {}


def required_names(schema: JsonObject) -> set[str]:
    named = schema.get("required")
    return {name for name in named if isinstance(name, str)} if isinstance(named, list) else set()


def refuses_others(schema: JsonObject) -> bool:
    return schema.get("additionalProperties") is False


def _number(branch: JsonObject, keyword: str, otherwise: float) -> float:
    limit = branch.get(keyword)
    is_number = isinstance(limit, (int, float)) and not isinstance(limit, bool)
    return limit if is_number and limit is not None else otherwise


def fits(root: JsonObject, schema: Any, value: Any) -> bool:
    return any(fits_branch(branch, value) for branch in branches_of(root, schema))


def fits_branch(branch: JsonObject, value: Any) -> bool:
    """Whether the value looks right from outside: its type, choices and bounds. Patterns and
    formats are for the validator."""
    types = type_names(branch)
    if types and not any(_is_of(kind, value) for kind in types):
        return False
    if "enum" in branch and value not in branch["enum"]:
        return False
    if "const" in branch and value != branch["const"]:
        return False
    if isinstance(value, str):
        return bool(len(value) >= _number(branch, "minLength", 0))
    if isinstance(value, list):
        is_distinct = branch.get("uniqueItems") is not True or len(each_once(value)) == len(value)
        return is_distinct and len(value) >= _number(branch, "minItems", 0)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return True
    return bool(
        value >= _number(branch, "minimum", float("-inf"))
        and value <= _number(branch, "maximum", float("inf"))
        and value > _number(branch, "exclusiveMinimum", float("-inf"))
        and value < _number(branch, "exclusiveMaximum", float("inf"))
    )


def _is_of(kind: str, value: Any) -> bool:
    if kind == "integer" and isinstance(value, float) and not value.is_integer():
        return False
    if isinstance(value, bool) and kind != "boolean":
        return False
    return isinstance(value, _TYPES.get(kind, ()))


def each_once(values: list[Any]) -> list[Any]:
    """Return the values in order, without those that are there already."""
    seen: dict[str, Any] = {}
    for value in values:
        seen.setdefault(repr(value), value)
    return list(seen.values())


def lowest_number(branch: JsonObject) -> float:
    """Return the lowest whole number from 1 on that the schema's bounds allow."""
    lowest = max(1, _number(branch, "minimum", 1), _number(branch, "exclusiveMinimum", 0) + 1)
    return min(lowest, _number(branch, "maximum", lowest))
