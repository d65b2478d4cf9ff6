"""Arguments against a tool's JSON Schema; a mistake is told so that it can be mended."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from email_validator import EmailNotValidError, validate_email
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError

from tool_services.framework.errors import InvalidArgumentsError

FORMATS = FormatChecker(formats=())

_KINDS = {
    "object": "an object",
    "array": "a list",
    "string": "a text",
    "number": "a number",
    "integer": "a whole number",
}

_RULES: dict[str, Callable[[Any], str]] = {
    "type": lambda kind: f"must be {_KINDS[kind]}",
    "enum": lambda allowed: f"must be one of {', '.join(allowed)}",
    "exclusiveMinimum": lambda bound: f"must be more than {bound}",
    "minimum": lambda bound: f"must be at least {bound}",
    "maximum": lambda bound: f"must be at most {bound}",
    "minLength": lambda count: f"must have at least {count} character(s)",
    "maxLength": lambda count: f"must have at most {count} characters",
    "minItems": lambda count: f"must have at least {count} item(s)",
    "maxItems": lambda count: f"must have at most {count} items",
    "uniqueItems": lambda _: "must not hold anything twice",
    "format": lambda _: "must be an e-mail address such as ann@example.com",
}


@FORMATS.checks("email", raises=EmailNotValidError)
def _is_email(value: object) -> bool:
    # Values of other types are the business of the schema's "type".
    return not isinstance(value, str) or bool(validate_email(value, check_deliverability=False))


def check_arguments(schema: Mapping[str, Any], arguments: object) -> None:
    """Raise InvalidArgumentsError, its sentence naming each wrong field and what would do."""
    if _holds_nul(arguments):
        raise InvalidArgumentsError("The arguments must not hold the character NUL.")
    validator = Draft202012Validator(schema, format_checker=FORMATS)
    errors = sorted(validator.iter_errors(arguments), key=lambda error: error.json_path)
    if errors:
        raise InvalidArgumentsError("; ".join(dict.fromkeys(map(_explain, errors))) + ".")


def _holds_nul(value: object) -> bool:
    """Whether there is a character somewhere that PostgreSQL can't store."""
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(map(_holds_nul, (*value, *value.values())))
    return isinstance(value, list) and any(map(_holds_nul, value))


def _explain(error: ValidationError) -> str:
    rule: Any = error.validator_value
    if error.validator == "required":
        return f"missing: {', '.join(name for name in rule if name not in _fields(error))}"
    if error.validator == "additionalProperties":
        return _explain_unknown_fields(error)
    field = error.json_path.removeprefix("$").removeprefix(".") or "arguments"
    return f"{field} {_RULES[str(error.validator)](rule)}, not {_shown(error)}"


def _explain_unknown_fields(error: ValidationError) -> str:
    schema: Any = error.schema
    known = schema["properties"]
    unknown = ", ".join(name[:60] for name in _fields(error) if name not in known)
    return f"unknown: {unknown} (the fields are {', '.join(known)})"


def _fields(error: ValidationError) -> dict[str, Any]:
    instance: Any = error.instance
    return dict(instance)


def _shown(error: ValidationError, longest: int = 60) -> str:
    text = json.dumps(error.instance, ensure_ascii=False)
    return text if len(text) <= longest else text[:longest] + "…"
