"""The values that a text names for one argument, by the argument's phrases and schema."""

from __future__ import annotations

import re
from itertools import takewhile
from typing import Any

from demo_model.conversation import EMAIL, is_number
from demo_model.phrasebook import Phrasebook, Phrases, compiled
from demo_model.protocol import read_json

# Stands for what was read, so that it isn't read as anything else.
READ = " ~ "
WITHIN_WISHES = frozenset(["of", "the", "a", "to"])
LONGEST_NAMES = 150
MOST_WORDS = 5


def read_values(text: str, argument: Phrases, book: Phrasebook) -> tuple[list[Any], str]:
    """Return the values named, usually none or one, and the text without their words."""
    if choices := _choices(argument):
        return _chosen(text, choices)
    for pattern in argument.get("said", ()):
        for found in compiled(pattern).finditer(text):
            value = _value(found.groupdict(default=""), book)
            if value and (not is_number(value) or _is_allowed(value, argument)):
                return [value], text[: found.start()] + READ + text[found.end() :]
    return [], text


def read_names(text: str, after: str, book: Phrasebook) -> list[Phrases]:
    """Return the proper names that stand behind certain words, or else those that are known."""
    text = EMAIL.sub(READ, text)
    # "The river" is no name, "the Dalles" is.
    behind = rf"\b(?:{after})\s+(?:the\s+(?-i:(?=[A-Z])))?"
    known = rf"\b(?=(?:{'|'.join(book.names) or '(?!)'})\b)"
    for lead in (behind, known):
        starts = [place.end() for place in re.finditer(lead, text, re.I)]
        if found := [n for at in starts for n in _names(text[at : at + LONGEST_NAMES], book)]:
            return [name_in(whole) for whole in dict.fromkeys(found)]
    return []


def name_in(whole: str) -> Phrases:
    """Return a name such as `Portland, OR` in parts: the name, its qualifier, and the whole."""
    *name, qualifier = whole.split(", ") if ", " in whole else (whole, "")
    if whole.isupper() and len(whole) == 2:
        name, qualifier = [], whole
    return {"name": ", ".join(name), "qualifier": qualifier, "whole": whole}


def _names(text: str, book: Phrasebook) -> list[str]:
    """Read `Portland, OR or Seattle` from the beginning of the text."""
    found: list[str] = []
    for part in re.split(rf"\s+(?:{book['patterns']['between']})\s+|\s*[/&]\s*", text):
        run, _, behind = part.partition(",")
        run = re.split(r"[^\w\s.'-]", run)[0]
        words = list(takewhile(lambda word: _in_name(word, book), run.split()[:MOST_WORDS]))
        if not words:
            break
        name = " ".join(word.strip(".'-") for word in words)
        # A qualifier is two capital letters, with or without a comma before it.
        code = re.match(r"\s*([A-Z]{2})\b", behind) or re.search(r"(?<=\s)([A-Z]{2})$", name)
        name = name.title() if name.islower() else name
        found.append(f"{name.removesuffix(code[1]).strip()}, {code[1]}" if code else name)
        # Another name may follow only where nothing else came in between.
        if len(words) < len(run.split()):
            break
    return found


def _in_name(word: str, book: Phrasebook) -> bool:
    """Tell whether the word can be a part of a name: no word of the phrases, and no number."""
    bare = word.strip(".'-").lower()
    known = bare not in book.names and {bare, bare.partition("'")[0]} & book.vocabulary
    capitals = word.isupper() and len(bare) > 1
    return word[0].isalpha() and not re.search(r"\d", word) and bool(capitals or not known)


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


def _value(slots: dict[str, str], book: Phrasebook) -> Any:
    """Return the value in a pattern's slot; nothing if it is none after all."""
    match slots:
        case {"n": written}:
            return read_json(str(book["numbers"].get(written.lower(), written)))
        case {"amount": figure, "unit": unit}:
            return round(float(figure.replace(",", "")) * book["units"].get(unit.lower(), 1))
        case {"words": written}:
            return _wish(written.split(), book)
    return slots["text"].replace(READ, " ").strip(" ~.,;:!?\"'")


def _is_allowed(value: float, schema: Phrases) -> bool:
    return bool(schema.get("minimum", value) <= value <= schema.get("maximum", value))


def _wish(words: list[str], book: Phrasebook) -> str:
    """Return the words up to one that ends a wish; none if they begin with a proper name."""
    ends = book.ends - WITHIN_WISHES
    words = list(takewhile(lambda word: word.lower() not in ends, words))
    while words and words[-1].lower() in book.ends:
        words.pop()
    return " ".join(words) if words and words[0].lower() not in book.names else ""
