"""Typing mistakes are forgiven in the words of the phrases, never in figures, ids or addresses."""

from __future__ import annotations

import re

from rapidfuzz import process
from rapidfuzz.distance import OSA

from demo_model.phrasebook import Phrasebook

# Shorter words are too much alike.
SHORTEST = 4
_WORD = re.compile(r"(?<![\w@.'-])[^\W\d_]{4,20}(?![\w@]|[.-]\w)")


def corrected(text: str, book: Phrasebook) -> str:
    """Replace each mistyped word by the one of the phrases that it was meant to be."""
    return _WORD.sub(lambda word: _meant(word[0], book), text)


def _meant(word: str, book: Phrasebook) -> str:
    lower, farthest = word.lower(), 1 if len(word) < 8 else 2
    if {lower, f"{lower}s", lower.removesuffix("s")} & (book.vocabulary | book.names.keys()):
        return word
    # A capital letter makes it a name, which is nothing else mistyped.
    for words in (book.names, () if word.istitle() else book.vocabulary):
        alike = sorted(other for other in words if _alike(lower, other))
        found = process.extractOne(lower, alike, scorer=OSA.distance, score_cutoff=farthest)
        if found:
            return book.names.get(found[0], found[0])
    return word


def _alike(word: str, other: str) -> bool:
    """Tell whether the words begin alike; short ones only miss a letter or have two swapped."""
    if word[0] != other[0] or len(other) < SHORTEST:
        return False
    return len(word) > SHORTEST or len(other) > len(word) or sorted(word) == sorted(other)
