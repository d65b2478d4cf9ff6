"""Whole characters from text that may hold or be cut into halves of surrogate pairs."""

from __future__ import annotations


class CharacterJoiner:
    """Joins characters that an endpoint cut into two chunks, as some do beyond the basic plane."""

    __slots__ = ("_half",)

    def __init__(self) -> None:
        self._half = ""

    def add(self, chunk: str) -> str:
        """Return what is whole, and keep a first half at the end for the next chunk."""
        text = self._half + chunk
        self._half = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
        return whole_characters(text.removesuffix(self._half))

    def end(self) -> str:
        """Return what is left: a replacement character for a half whose other half never came."""
        half, self._half = self._half, ""
        return whole_characters(half)


def whole_characters(text: str) -> str:
    """Make a text fit to be stored and sent.

    Surrogate pairs are joined, halves become the replacement character, and NUL, which PostgreSQL
    takes in no text, is left out.
    """
    if text.isascii() and "\0" not in text:
        return text
    joined = text.replace("\0", "").encode("utf-16-le", "surrogatepass")
    return joined.decode("utf-16-le", "replace")
