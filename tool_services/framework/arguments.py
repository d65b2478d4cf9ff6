"""Check a call's arguments. Each mistake is explained, so that a model can correct it."""

from __future__ import annotations

import json
import re
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tool_services.framework.errors import InvalidArgumentsError
from tool_services.framework.schemas import ToolArguments

Arguments = TypeVar("Arguments", bound=ToolArguments)

LONGEST_QUOTE = 60
_SUBJECT = re.compile(r"^(?:Input|String|List) should ")


def read_arguments(model: type[Arguments], arguments: object) -> Arguments:
    """Return the arguments as a value of `model`.

    Raises InvalidArgumentsError with a sentence that names every wrong field.
    """
    if not isinstance(arguments, dict):
        raise InvalidArgumentsError(f"arguments must be an object, not {_quote(arguments)}.")
    if _contains_nul(arguments):
        raise InvalidArgumentsError("The arguments must not contain the character NUL.")
    try:
        # As JSON, in which a date or a UUID is a string: of Python's values only a date is a date.
        return model.model_validate_json(json.dumps(arguments, ensure_ascii=False).encode())
    except UnicodeEncodeError:
        raise InvalidArgumentsError("The arguments must be valid Unicode.") from None
    except ValidationError as error:
        raise InvalidArgumentsError(_explain(model, error)) from None


def _contains_nul(value: object) -> bool:
    """Return whether any text contains NUL, which PostgreSQL can't store."""
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(map(_contains_nul, (*value, *value.values())))
    return isinstance(value, list) and any(map(_contains_nul, value))


def _explain(model: type[ToolArguments], error: ValidationError) -> str:
    problems = error.errors(include_url=False)
    missing = [_place(problem) for problem in problems if problem["type"] == "missing"]
    unknown = [_place(problem) for problem in problems if problem["type"] == "extra_forbidden"]
    sentences = [
        _explain_value(problem)
        for problem in problems
        if problem["type"] not in ("missing", "extra_forbidden")
    ]
    if missing:
        sentences.append(f"missing: {', '.join(missing)}")
    if unknown:
        names = ", ".join(field.alias or name for name, field in model.model_fields.items())
        sentences.append(f"unknown: {', '.join(unknown)} (the fields are {names})")
    return "; ".join(sentences) + "."


def _place(problem: ErrorDetails) -> str:
    """Return the field's name, such as city or listingIds[1]."""
    name, *indices = problem["loc"]
    return str(name)[:LONGEST_QUOTE] + "".join(f"[{index}]" for index in indices)


def _explain_value(problem: ErrorDetails) -> str:
    """Turn "Input should be a valid string" into "city must be a valid string, not 5"."""
    rule = _SUBJECT.sub("must ", problem["msg"].removeprefix("Value error, "))
    quote = "" if ", not " in rule else f", not {_quote(problem['input'])}"
    return f"{_place(problem)} {rule}{quote}"


def _quote(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_QUOTE else text[:LONGEST_QUOTE] + "…"
