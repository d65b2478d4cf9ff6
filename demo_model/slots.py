"""The values that a text names for one argument, by the argument's phrases and schema."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from demo_model.phrasebook import Phrasebook, Phrases, compiled

EMAIL = re.compile(r"[\w.+'-]{1,64}@(?:[\w-]{1,63}\.){1,8}[a-z]{2,24}", re.I)
# Stands for what was read, so that it isn't read as anything else.
READ = " ~ "
_RUN = re.compile(r"[^\W\d_][\w.'-]*(?:\s+[^\W\d_][\w.'-]*){0,4}")
_LONGEST_NAMES = 150


@dataclass
class Text:
    """A question from which values are taken one after the other."""

    rest: str
    book: Phrasebook

    def take(self, found: re.Match[str]) -> None:
        """Take what was found out of the text."""
        self.rest = self.rest[: found.start()] + READ + self.rest[found.end() :]


def read_values(text: Text, argument: Phrases, schema: dict[str, Any]) -> list[Any]:
    """Return the values named, usually none or one, and take their words out of the text."""
    if choices := _choices(argument, schema):
        return _chosen(text, choices, several="enum" in schema or "values" in argument)
    if schema.get("format") == "email":
        found = EMAIL.search(text.rest)
        return [found[0]] if found else []
    for pattern in argument.get("said", ()):
        for found in text.book.value_pattern(pattern).finditer(text.rest):
            value = _value(found, argument, text.book)
            if value is not None and _allowed(value, schema):
                text.take(found)
                return [value]
    return []


def _choices(argument: Phrases, schema: dict[str, Any]) -> dict[str, str]:
    """The patterns for each value of an argument that has a choice of values."""
    values: dict[str, str] = dict(argument.get("values", {}))
    said = schema.get("enum", ()) if argument.get("plain", True) else ()
    plain = {str(v): rf"{re.escape(str(v).replace('_', ' '))}s?" for v in said}
    return values | {k: f"{plain[k]}|{values[k]}" if k in values else plain[k] for k in plain}


def _chosen(text: Text, choices: dict[str, str], several: bool) -> list[Any]:
    found = {value: compiled(pattern).search(text.rest) for value, pattern in choices.items()}
    places = sorted((m.start(), value) for value, m in found.items() if m)
    for _, value in places:
        if again := compiled(choices[value]).search(text.rest):
            text.take(again)
    return [value for _, value in places][: None if several else 1]


def _value(found: re.Match[str], argument: Phrases, book: Phrasebook) -> Any:
    """Return the value in the pattern's slot; None if it is none after all."""
    slots = found.groupdict(default="")
    match slots:
        case {"n": str(written)}:
            return _number(written, book)
        case {"amount": str(written)}:
            return _amount(float(written.replace(",", "")), slots, argument, book)
        case {"words": str(written)}:
            return _wish(written.split(), book)
        case {"name": str(written)}:
            known = written.lower() in book.vocabulary
            return None if known else written[0].upper() + written[1:]
    return slots["text"].replace(READ, " ").strip(" ~.,;:!?\"'") or None


def _number(written: str, book: Phrasebook) -> float | None:
    value = book.table("numbers").get(written.lower())
    if value is None and written[0].isdigit():
        value = float(written)
    return value if value is None or value % 1 else int(value)


def _amount(
    figure: float, slots: dict[str, str], argument: Phrases, book: Phrasebook
) -> float | None:
    value = figure * float(book.table("units").get(slots["unit"].lower(), 1))
    small = argument.get("small")
    if small and not (slots["unit"] or slots["sign"] or slots["usd"]) and value < small["below"]:
        # "Under 900" for a home means thousands. Smaller figures are no price at all.
        return round(value * small["times"]) if value >= small["least"] else None
    return round(value)


def _wish(words: list[str], book: Phrasebook) -> str | None:
    within = {"of", "the", "a", "to"}
    size = next((i for i, w in enumerate(words) if w.lower() in book.ends - within), len(words))
    words = words[:size]
    if words and words[0].lower() in book.names:
        return None
    while words and words[-1].lower() in book.ends:
        words.pop()
    return " ".join(words) or None


def _allowed(value: Any, schema: dict[str, Any]) -> bool:
    if not isinstance(value, int | float):
        return True
    return bool(schema.get("minimum", value) <= value <= schema.get("maximum", value))


@dataclass(frozen=True)
class Name:
    """A proper name, such as a city, and what is said to tell it apart, such as its state."""

    name: str = ""
    qualifier: str = ""

    @property
    def whole(self) -> str:
        """Both, as in `Portland, OR`."""
        return ", ".join(filter(None, (self.name, self.qualifier)))


def read_names(text: str, kind: Phrases, after: str, book: Phrasebook) -> list[Name]:
    """Return the names that stand behind certain words, or that are known, in their order."""
    found: list[Name] = []
    # "The river" is no name, "the Dalles" is.
    for lead in re.finditer(rf"\b(?:{after})\s+(?:the\s+(?-i:(?=[A-Z])))?", text, re.I):
        found += _list_of_names(text[lead.end() : lead.end() + _LONGEST_NAMES], kind, book)
    if not found:
        for known in re.finditer(rf"\b(?:{'|'.join(book.names) or '(?!)'})\b.*", text, re.I):
            found += _list_of_names(known[0][:_LONGEST_NAMES], kind, book)
    if not found:
        qualifiers = kind.get("qualifiers", {})
        codes = [code for code in re.findall(r"\b[A-Z]{2}\b", text) if code in qualifiers]
        said = [code for code, name in qualifiers.items() if compiled(name).search(text)]
        found = [Name(qualifier=code) for code in codes or said]
    return list(dict.fromkeys(found))


def _list_of_names(text: str, kind: Phrases, book: Phrasebook) -> list[Name]:
    """Read `Portland, OR or Seattle` from the beginning of the text."""
    found: list[Name] = []
    for part in re.split(rf"\s+(?:{book.table('patterns')['between']})\s+|\s*[/&]\s*", text):
        pieces = re.split(r"\s*,\s*", part)
        run = _RUN.match(pieces[0])
        words = _without_ends(run[0].split(), book) if run else []
        if not words or not run:
            break
        code = _qualifier(pieces[1], kind, behind_comma=True) if len(pieces) > 1 else ""
        found.append(_named(words, code, kind))
        # Another name may follow only where nothing else came in between.
        if len(" ".join(words)) < len(pieces[0].rstrip(" .?!")):
            break
    return found


def _without_ends(words: list[str], book: Phrasebook) -> list[str]:
    kept: list[str] = []
    for word in words:
        bare = word.strip(".'-?!")
        known = bare.lower() not in book.names and (
            bare.lower() in book.vocabulary or bare.lower().partition("'")[0] in book.vocabulary
        )
        if (known and not bare.isupper()) or re.search(r"\d", bare):
            break
        kept.append(bare)
    return kept


def _named(words: list[str], code: str, kind: Phrases) -> Name:
    for size in range(min(2, len(words)), 0, -1):
        last = " ".join(words[-size:])
        if not code and (own := _qualifier(last, kind)):
            return Name(_title(words[:-size]), own)
    return Name(_title(words), code)


def _title(words: list[str]) -> str:
    name = " ".join(words)
    return name.title() if name.islower() else name


def _qualifier(text: str, kind: Phrases, behind_comma: bool = False) -> str:
    """Return the code at the beginning of the text, or of the name that it begins with."""
    word, qualifiers = re.match(r"[A-Za-z]+", text), kind.get("qualifiers", {})
    if word and word[0].upper() in qualifiers and (word[0].isupper() or behind_comma):
        return word[0].upper()
    found = (c for c, name in qualifiers.items() if re.match(rf"(?:{name})\b", text, re.I))
    return next(found, "")
