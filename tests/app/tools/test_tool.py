"""What of a tool a model is told."""

from __future__ import annotations

from typing import Any

from app.tools.tool import brief_schema


def test_a_model_is_told_what_helps_it_and_no_lengths_far_bounds_or_names_for_people() -> None:
    text = {"type": "string", "minLength": 1, "maxLength": 40}
    schema = {
        "type": "object",
        "additionalProperties": False,
        "required": ["title"],
        "properties": {
            "title": text | {"title": "Heading", "description": "Of the note"},
            "maxLength": {"type": "integer", "minimum": 1, "title": "Longest"},
            "kinds": {"type": "array", "items": text | {"enum": ["a", "b"]}, "uniqueItems": True},
            "share": {"type": "number", "minimum": 0, "maximum": 1},
            "price": {"type": "number", "exclusiveMinimum": 0, "maximum": 10**9},
            "any": True,
        },
    }
    assert brief_schema(schema) == {
        "type": "object",
        "required": ["title"],
        "properties": {
            "title": {"type": "string", "description": "Of the note"},
            "maxLength": {"type": "integer", "minimum": 1},
            "kinds": {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}},
            "share": {"type": "number", "maximum": 1},
            "price": {"type": "number"},
            "any": True,
        },
    }


def test_what_a_schema_allows_beside_its_fields_is_told() -> None:
    schema: dict[str, Any] = {"type": "object", "additionalProperties": {"type": "string"}}
    assert brief_schema(schema) == schema
