"""Repairs arguments that a model wrote nearly right, going by the tool's JSON Schema.

Small models send `"Any"` for an argument that they could leave out, "3" for 3, or a list as one
text. Pure functions of schema and arguments. They only propose: the caller validates what comes of
it, and keeps the original if that is no better.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from rapidfuzz import fuzz, process, utils

from app.json_input import parse_json
from app.tools.argument_schema import (
    MAX_DEPTH,
    JsonObject,
    branches_of,
    each_once,
    fits,
    fits_branch,
    properties,
    refuses_others,
    required_names,
    type_names,
)

MAX_VALUES = 200
"""Values in the arguments; larger ones are left as they are."""
MAX_CHOICES = 100
MAX_TEXT_CHARS = 20_000
"""A longer text is not read as anything else."""
LONGEST_CHOICE = 100
LONGEST_NUMBER = 30
_NEAREST = 80
"""How similar a word must be to one of the choices, of 100, to stand for it."""
_MARGIN = 5
"""How much less similar the next best choice must be."""

_NOTHING = {"", "any", "none", "null", "undefined", "n/a"}
_REFUSED_NOTHING = _NOTHING | {"all", "0", "no preference", "not specified", "unknown"}
_WRAPPERS = {"arguments", "parameters", "input"}
_NUMBER = re.compile(r"[$€£]?\s*(-?(?:\d+|\d{1,3}(?:,\d{3})+)(?:\.\d+)?)")
# "900.000" is nine hundred in some countries, and 900,000 in others.
_AMBIGUOUS = re.compile(r"-?\d{1,3}\.\d{3}")
_BOOLEANS = {"true": True, "yes": True, "false": False, "no": False}


class _NoReading(Exception):
    """The value can't be read as what the schema wants."""


def drop_meaningless(schema: JsonObject, arguments: JsonObject) -> JsonObject:
    """Leave out optional arguments that are valid and say nothing: "Any" as a city, a most of 0."""
    required = required_names(schema)
    return {
        name: value
        for name, value in arguments.items()
        if name in required or not _is_meaningless(schema, name, value)
    }


def repair(schema: JsonObject, arguments: JsonObject, *, guess: bool) -> JsonObject:
    """Return the arguments as they were probably meant, as far as the schema tells.

    With `guess`, a misspelt choice stands for the nearest one, and what says nothing is left out
    although it is valid, or may be a bound. That is for calls that change nothing.
    """
    if not _is_small(arguments):
        return arguments
    repaired = _read_object(schema, schema, _unwrap(schema, arguments), guess, 0)
    return drop_meaningless(schema, repaired) if guess else repaired


def _is_small(value: Any) -> bool:
    left = MAX_VALUES
    inside = [(value, 0)]
    while inside:
        value, depth = inside.pop()
        left -= 1
        if left < 0 or depth > MAX_DEPTH:
            return False
        if isinstance(value, (dict, list)):
            parts = value.values() if isinstance(value, dict) else value
            if len(parts) > left:
                return False
            inside += [(part, depth + 1) for part in parts]
    return True


def _unwrap(schema: JsonObject, arguments: JsonObject) -> JsonObject:
    """Take the arguments out of an object that holds them alone, such as {"arguments": {…}}."""
    if len(arguments) != 1:
        return arguments
    [(name, value)] = arguments.items()
    if name not in _WRAPPERS or name in properties(schema):
        return arguments
    inner = _parse(value) if isinstance(value, str) else value
    return inner if isinstance(inner, dict) and _is_small(inner) else arguments


def _read_object(
    root: JsonObject, schema: JsonObject, given: JsonObject, guess: bool, depth: int
) -> JsonObject:
    fields, required = properties(schema), required_names(schema)
    known = _names_by_plain(schema) if given.keys() - fields.keys() else {}
    read: JsonObject = {}
    for written, value in given.items():
        name = written if written in fields else known.get(_plain(written), written)
        if name != written and (name in given or name in read):
            name = written
        field = fields.get(name)
        if field is None:
            if not (refuses_others(schema) and _is_refused_nothing(value, guess)):
                read[name] = value
            continue
        says_nothing = name not in required and _is_refused_nothing(value, guess)
        if says_nothing and not fits(root, field, value):
            continue
        read[name] = _read(root, field, value, guess, depth)
    return read


def _names_by_plain(schema: JsonObject) -> dict[str, str]:
    """The properties by what is left of their names without case, underscores and hyphens, for
    those that no other is like. Where others are allowed, only one that is needed can be meant."""
    names = properties(schema) if refuses_others(schema) else required_names(schema)
    count = Counter(map(_plain, names))
    return {_plain(name): name for name in names if count[_plain(name)] == 1}


def _read(root: JsonObject, schema: Any, value: Any, guess: bool, depth: int) -> Any:
    """Return the value as one of the schema's branches wants it, or else as it is."""
    branches = list(branches_of(root, schema))
    for branch in branches:
        if fits_branch(branch, value):
            return _read_inside(root, branch, value, guess, depth)
    for branch in branches:
        try:
            read = _convert(root, branch, value, guess)
        except _NoReading:
            continue
        read = _read_inside(root, branch, read, guess, depth)
        if fits_branch(branch, read):
            return read
    return value


def _read_inside(root: JsonObject, branch: JsonObject, value: Any, guess: bool, depth: int) -> Any:
    """Read what an object or a list holds."""
    if depth >= MAX_DEPTH:
        return value
    if isinstance(value, dict):
        return _read_object(root, branch, value, guess, depth + 1)
    if isinstance(value, list):
        items = branch.get("items", {})
        read = [_read(root, items, item, guess, depth + 1) for item in value[:MAX_VALUES]]
        return each_once(read) if branch.get("uniqueItems") is True else read
    return value


def _convert(root: JsonObject, branch: JsonObject, value: Any, guess: bool) -> Any:
    """Read the value as the branch's type. Raises _NoReading."""
    if isinstance(value, str) and len(value) > MAX_TEXT_CHARS:
        raise _NoReading
    types = type_names(branch)
    if isinstance(value, list) and len(value) == 1 and "array" not in types:
        return _convert_one(branch, types, value[0], guess)
    if "array" in types:
        return value if isinstance(value, list) else _as_list(root, branch, value)
    if "object" in types and isinstance(value, str):
        parsed = _parse(value)
        if isinstance(parsed, dict) and _is_small(parsed):
            return parsed
        raise _NoReading
    return _convert_one(branch, types, value, guess)


def _convert_one(branch: JsonObject, types: set[str], value: Any, guess: bool) -> Any:
    if fits_branch(branch, value):
        return value
    if isinstance(value, str):
        if "enum" in branch:
            return _choice(branch["enum"], value, guess)
        if types & {"integer", "number"}:
            return _as_number(value, whole="number" not in types)
        if "boolean" in types and value.strip().lower() in _BOOLEANS:
            return _BOOLEANS[value.strip().lower()]
    elif "string" in types and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise _NoReading


def _choice(choices: Any, value: str, guess: bool) -> Any:
    """The choice that is meant: the same but for case and punctuation, or with `guess` the nearest
    spelling, if one is nearest by far."""
    value = value.strip()
    if not 0 < len(value) <= LONGEST_CHOICE:
        raise _NoReading
    words = [one for one in choices[:MAX_CHOICES] if isinstance(one, str)]
    plain = _plain(value)
    same = [word for word in words if _plain(word) == plain]
    if len(same) == 1:
        return same[0]
    if not guess:
        raise _NoReading
    best = process.extract(
        value, words, scorer=fuzz.ratio, processor=utils.default_process, limit=2
    )
    if not best or best[0][1] < _NEAREST:
        raise _NoReading
    if len(best) > 1 and best[1][1] > best[0][1] - _MARGIN:
        raise _NoReading
    return best[0][0]


def _as_number(text: str, *, whole: bool) -> int | float:
    text = text.strip()
    match = _NUMBER.fullmatch(text) if len(text) <= LONGEST_NUMBER else None
    if match is None or _AMBIGUOUS.fullmatch(text):
        raise _NoReading
    number = float(match[1].replace(",", ""))
    if number.is_integer():
        return int(match[1].replace(",", "").partition(".")[0])
    if whole:
        raise _NoReading
    return number


def _as_list(root: JsonObject, branch: JsonObject, value: Any) -> list[Any]:
    """A list that was written as JSON in a text, with commas, or without its brackets."""
    if value is None or isinstance(value, bool):
        raise _NoReading
    if isinstance(value, str):
        parsed = _parse(value) if value.lstrip().startswith("[") else None
        if isinstance(parsed, list) and _is_small(parsed):
            return parsed
        parts = [part.strip() for part in re.split(r"[,;\n]", value)]
        if len(parts) <= MAX_VALUES and _holds_words(root, branch):
            return [part for part in parts if part]
    return [value]


def _holds_words(root: JsonObject, branch: JsonObject) -> bool:
    kinds = {kind for one in branches_of(root, branch.get("items", {})) for kind in type_names(one)}
    return bool(kinds & {"string", "integer", "number"})


def _is_refused_nothing(value: Any, guess: bool) -> bool:
    """Whether a value that isn't taken says nothing. "All", 0 and an empty list may be a bound, so
    those are left out with `guess` alone."""
    if isinstance(value, str):
        return value.strip().casefold() in (_REFUSED_NOTHING if guess else _NOTHING)
    if value is None or not guess:
        return value is None
    return value in ([], {}) or (value == 0 and not isinstance(value, bool))


def _is_meaningless(root: JsonObject, name: str, value: Any) -> bool:
    """Whether an optional argument of this name says nothing by this value, though it is valid."""
    field = properties(root).get(name)
    if not isinstance(field, dict) or field.get("default") == value:
        return False
    branches = list(branches_of(root, field))
    if any("enum" in branch or "const" in branch for branch in branches):
        return False
    if isinstance(value, str):
        return value.strip().casefold() in _NOTHING
    is_zero = value == 0 and isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_zero and re.match(r"max(imum)?[A-Z_-]", name) is not None


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).casefold()


def _parse(text: str) -> Any:
    try:
        return parse_json(text)
    except ValueError:
        return None
