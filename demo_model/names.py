"""Proper names in a text, such as cities, with what is said to tell them apart."""

from __future__ import annotations

import re
from itertools import takewhile
from typing import NamedTuple

from demo_model.phrasebook import Phrasebook

LONGEST = 150
MOST_WORDS = 5


class Name(NamedTuple):
    """A proper name, such as a city, and its qualifier, such as the code of its state."""

    name: str = ""
    qualifier: str = ""

    @property
    def whole(self) -> str:
        """Both, as in `Portland, OR`."""
        return ", ".join(filter(None, self))


def read_names(text: str, book: Phrasebook, after: str = "") -> list[Name]:
    """Return the names that stand behind certain words, or that are known, in their order."""
    if not (kind := book["names"]):
        return []
    leads = "|".join(filter(None, (kind.get("after"), after))) or "(?!)"
    # "The river" is no name, "the Dalles" is.
    behind = re.finditer(rf"\b(?:{leads})\s+(?:the\s+(?-i:(?=[A-Z])))?", text, re.I)
    known = re.finditer(rf"\b(?=(?:{'|'.join(book.names) or '(?!)'})\b)", text, re.I)
    for places in (behind, known):
        starts = [place.end() for place in places]
        if found := [n for at in starts for n in _names(text[at : at + LONGEST], book)]:
            return list(dict.fromkeys(found))
    qualifiers = kind.get("qualifiers", {})
    codes = [code for code in re.findall(r"\b[A-Z]{2}\b", text) if code in qualifiers]
    said = [c for c, name in qualifiers.items() if re.search(rf"\b{name}\b", text, re.I)]
    return [Name(qualifier=code) for code in dict.fromkeys(codes or said)]


def _names(text: str, book: Phrasebook) -> list[Name]:
    """Read `Portland, OR or Seattle` from the beginning of the text."""
    found: list[Name] = []
    for part in re.split(rf"\s+(?:{book['patterns']['between']})\s+|\s*[/&]\s*", text):
        run, _, behind = part.partition(",")
        run = re.split(r"[^\w\s.'-]", run)[0]
        words = list(takewhile(lambda word: _in_name(word, book), run.split()[:MOST_WORDS]))
        if not words:
            break
        found.append(_name([word.strip(".'-") for word in words], behind, book))
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


def _name(words: list[str], behind: str, book: Phrasebook) -> Name:
    """Return the name with the qualifier that is behind its comma, or else at its own end."""
    qualifiers = book["names"].get("qualifiers", {})
    codes = {said.lower(): code for code, name in qualifiers.items() for said in (code, name)}
    after = re.findall(r"[^\W\d_]+", behind.lower())
    qualifier = next((codes[q] for n in (3, 2, 1) if (q := " ".join(after[:n])) in codes), "")
    for size in (2, 1):
        own = " ".join(words[-size:])
        is_said = own.lower() in codes and (own.isupper() or own.upper() not in qualifiers)
        if is_said and not qualifier:
            words, qualifier = words[:-size], codes[own.lower()]
    name = " ".join(words)
    return Name(name.title() if name.islower() else name, qualifier)
