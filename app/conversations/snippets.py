"""Pieces of a text around the words that were searched for."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import NamedTuple

_BEFORE, _LENGTH = 60, 220
_SIGNS = re.compile(r"[*_`#|~\s]+")
"""Marks of Markdown, which say nothing in a line of plain text."""


class Piece(NamedTuple):
    """A piece of text, and whether it is what was searched for."""

    text: str
    is_match: bool


class _Folded(dict[int, str]):
    """The character that each one counts as, for str.translate: lower case, without accents."""

    def __missing__(self, code: int) -> str:
        plain = unicodedata.normalize("NFKD", chr(code))[:1].lower()
        # A text keeps its length, so that places in both are the same.
        self[code] = folded = plain if len(plain) == 1 else chr(code)
        return folded


_FOLDED = _Folded()


def fold(text: str) -> str:
    """Return the text of the same length, in lower case and without accents."""
    return unicodedata.normalize("NFC", text).translate(_FOLDED)


def mark(text: str, terms: Iterable[Sequence[str]]) -> list[Piece]:
    """Return the whole text with the terms marked."""
    text = unicodedata.normalize("NFC", text)
    return list(_pieces(text, _pattern(terms)))


def snippet(text: str, terms: Iterable[Sequence[str]]) -> list[Piece]:
    """Return one line of the text around the first of the terms, with all in it marked."""
    text, pattern = unicodedata.normalize("NFC", text), _pattern(terms)
    first = pattern.search(fold(text))
    middle = first.start() if first else 0
    start = max(0, middle - _BEFORE)
    start = text.find(" ", start, middle) + 1 if start else 0
    part = text[start : start + _LENGTH]
    if len(text) > start + _LENGTH:
        part = part.rpartition(" ")[0] or part
    line = _SIGNS.sub(" ", part).strip()
    shown = ("… " if start else "") + line + (" …" if start + len(part) < len(text) else "")
    return list(_pieces(shown, pattern))


def _pattern(terms: Iterable[Sequence[str]]) -> re.Pattern[str]:
    """Words are of letters and digits alone. A longer word that begins so is marked as a whole."""
    found = "|".join(r"[\W_]+".join(words) for words in terms)
    return re.compile(rf"(?<![^\W_])(?:{found})[^\W_]*")


def _pieces(text: str, pattern: re.Pattern[str]) -> Iterable[Piece]:
    at = 0
    for found in pattern.finditer(fold(text)):
        if found.start() > at:
            yield Piece(text[at : found.start()], False)
        yield Piece(text[found.start() : found.end()], True)
        at = found.end()
    if at < len(text):
        yield Piece(text[at:], False)
