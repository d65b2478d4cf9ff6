"""The values that a text names for one argument, by the argument's phrases and schema."""

from __future__ import annotations

import re
from itertools import takewhile
from typing import Any

from demo_model.conversation import EMAIL
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
        found = {value: match for value, each in choices.items() if (match := each.search(text))}
        values = sorted(found, key=lambda value: found[value].start())
        for value in values:
            text = choices[value].sub(READ, text, count=1)
        return values, text
    for pattern in argument.get("said", ()):
        for said in compiled(pattern).finditer(text):
            if value := _value(said.groupdict(default=""), book):
                return [value], text[: said.start()] + READ + text[said.end() :]
    return [], text


def read_names(text: str, after: str, book: Phrasebook) -> list[Phrases]:
    """Return the proper names that stand behind certain words, or else those that are known."""
    text = EMAIL.sub(READ, text)
    known = "|".join(book.names) or "(?!)"
    for lead in (rf"\b(?:{after})\s+", rf"\b(?=(?:{known})\b)"):
        starts = [place.end() for place in re.finditer(lead, text, re.I)]
        if names := [n for at in starts for n in _names(text[at : at + LONGEST_NAMES], book)]:
            return list({name["whole"]: name for name in names}.values())
    return []


def name_in(whole: str) -> Phrases:
    """Return `Portland, OR` in parts. A qualifier is two capital letters."""
    found = re.fullmatch(r"(.*?)(?:(?:^|,? )([A-Z]{2}))?", whole)
    name, qualifier = found.groups("") if found else (whole, "")
    name = name.title() if name.islower() else name
    whole = ", ".join(filter(None, (name, qualifier)))
    return {"name": name, "qualifier": qualifier, "whole": whole}


def _names(text: str, book: Phrasebook) -> list[Phrases]:
    """Read `Portland, OR or Seattle` from the beginning of the text."""

    def is_in_name(word: str) -> bool:
        lower = word.lower()
        known = lower in book.names or lower not in book.vocabulary or word.isupper()
        return known and word[0].isalpha() and not re.search(r"\d", word)

    found: list[Phrases] = []
    for part in re.split(rf"\s+(?:{book['patterns']['between']})\s+|\s*[/&]\s*", text):
        words = takewhile(is_in_name, re.findall(r"[\w'-]+|\S", part)[:MOST_WORDS])
        if not (name := " ".join(words)):
            break
        code = re.match(r", ?[A-Z]{2}\b", part[len(name) :])
        whole = name + (code[0] if code else "")
        found.append(name_in(whole))
        # Another name may follow only where nothing else came in between.
        if part != whole:
            break
    return found


def _choices(argument: Phrases) -> dict[str, re.Pattern[str]]:
    """Return the patterns for each value of an argument that has a choice of values."""
    said, plain = argument.get("values", {}), argument.get("plain", True)
    choices = {value: [pattern] for value, pattern in said.items()}
    for value in map(str, argument.get("enum", ()) if plain else ()):
        choices.setdefault(value, []).insert(0, rf"{re.escape(value.replace('_', ' '))}s?")
    return {value: compiled("|".join(patterns)) for value, patterns in choices.items()}


def _value(slots: dict[str, str], book: Phrasebook) -> Any:
    """Return the value in a pattern's slot; nothing if it is none after all."""
    match slots:
        case {"n": written}:
            figure = str(book["numbers"].get(written.lower(), written))
            return read_json(figure) if figure[0].isdigit() else None
        case {"amount": figure, "unit": unit}:
            return round(float(figure.replace(",", "")) * book["units"].get(unit.lower(), 1))
        case {"words": written}:
            ends = book.ends - WITHIN_WISHES
            return " ".join(takewhile(lambda word: word.lower() not in ends, written.split()))
    return slots["text"].replace(READ, " ").strip(" ~.,;:!?\"'")
