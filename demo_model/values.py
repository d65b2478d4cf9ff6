"""The values that a text names for one argument, by the argument's phrases and schema."""

from __future__ import annotations

import re
from typing import Any

from demo_model.conversation import EMAIL
from demo_model.phrasebook import Phrasebook, Phrases, compiled

# Stands for what was read, so that it isn't read as anything else.
READ = " ~ "
WITHIN_WISHES = frozenset(["of", "the", "a", "to"])


def read_values(text: str, argument: Phrases, book: Phrasebook) -> tuple[list[Any], str]:
    """Return the values named, usually none or one, and the text without their words."""
    if choices := _choices(argument):
        return _chosen(text, choices)
    if argument.get("format") == "email":
        return EMAIL.findall(text)[:1], text
    for pattern in argument.get("said", ()):
        for found in compiled(pattern).finditer(text):
            value = _value(found, argument, book)
            if value is not None and _allowed(value, argument):
                return [value], text[: found.start()] + READ + text[found.end() :]
    return [], text


def _choices(argument: Phrases) -> dict[str, str]:
    """Return the patterns for each value of an argument that has a choice of values."""
    choices: dict[str, str] = dict(argument.get("values", {}))
    for value in map(str, argument.get("enum", ()) if argument.get("plain", True) else ()):
        plain = rf"{re.escape(value.replace('_', ' '))}s?"
        choices[value] = f"{plain}|{choices[value]}" if value in choices else plain
    return choices


def _chosen(text: str, choices: dict[str, str]) -> tuple[list[Any], str]:
    found = {value: compiled(pattern).search(text) for value, pattern in choices.items()}
    places = sorted((match.start(), value) for value, match in found.items() if match)
    for _, value in places:
        text = compiled(choices[value]).sub(READ, text, count=1)
    return [value for _, value in places], text


def _value(found: re.Match[str], argument: Phrases, book: Phrasebook) -> Any:
    """Return the value in the pattern's slot; None if it is none after all."""
    slots = found.groupdict(default="")
    match slots:
        case {"n": written}:
            value = book["numbers"].get(written.lower(), written)
            number = float(value) if str(value)[0].isdigit() else None
            return int(number) if number is not None and number.is_integer() else number
        case {"amount": _}:
            return _amount(slots, argument, book)
        case {"words": written}:
            return _wish(written.split(), book)
        case {"name": written}:
            return None if written.lower() in book.vocabulary else written[0].upper() + written[1:]
    return slots["text"].replace(READ, " ").strip(" ~.,;:!?\"'") or None


def _amount(slots: dict[str, str], argument: Phrases, book: Phrasebook) -> int | None:
    unit = float(book["units"].get(slots["unit"].lower(), 1))
    figure = float(slots["amount"].replace(",", "")) * unit
    small = argument.get("small")
    if small and not (slots["unit"] or slots["sign"] or slots["usd"]) and figure < small["below"]:
        # "Under 900" for a home means thousands. Smaller figures are no price at all.
        return round(figure * small["times"]) if figure >= small["least"] else None
    return round(figure)


def _wish(words: list[str], book: Phrasebook) -> str | None:
    """Return the words up to one that ends a wish; None if they begin with a proper name."""
    ends = book.ends - WITHIN_WISHES
    size = next((i for i, word in enumerate(words) if word.lower() in ends), len(words))
    words = words[:size]
    while words and words[-1].lower() in book.ends:
        words.pop()
    return " ".join(words) if words and words[0].lower() not in book.names else None


def _allowed(value: Any, schema: Phrases) -> bool:
    if isinstance(value, str):
        return True
    return bool(schema.get("minimum", value) <= value <= schema.get("maximum", value))
