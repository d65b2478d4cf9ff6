"""What a model thinks before it answers, where it stands in the text of the reply itself.

Models that think write it between two tags at the beginning, and not every endpoint takes it out.
"""

from __future__ import annotations

from typing import Literal

_OPENING, _CLOSING = "<think>", "</think>"
_MOST_SPACE = 100  # characters of white space that may come before the thoughts


class ThoughtFilter:
    """Drops the thoughts at the beginning of a text that comes in pieces. It keeps none of them."""

    __slots__ = ("_held", "_where")

    def __init__(self) -> None:
        self._where: Literal["before", "thoughts", "after", "answer"] = "before"
        self._held = ""  # the end of what has come, which may be half a tag

    def add(self, piece: str) -> str:
        """Return what of the piece, and of what was held before it, belongs to the answer."""
        if self._where == "answer":
            return piece
        text, self._held = self._held + piece, ""
        if self._where == "before":
            text = self._begin(text)
        if self._where == "thoughts":
            text = self._skip(text)
        if self._where == "after":
            text = text.lstrip()
            self._where = "answer" if text else "after"
        return text

    def end(self) -> str:
        """Return what is left, once nothing more comes."""
        return self._held if self._where == "before" else ""

    def _begin(self, text: str) -> str:
        """Decide whether the text begins with thoughts, or wait for more of it."""
        start = text.lstrip()
        if start.startswith(_OPENING):
            self._where = "thoughts"
            return start
        if _OPENING.startswith(start) and len(text) <= _MOST_SPACE:
            self._held = text
            return ""
        self._where = "answer"
        return text

    def _skip(self, text: str) -> str:
        """Drop the thoughts, but for an end that may be half of the closing tag."""
        _, closing, answer = text.partition(_CLOSING)
        if closing:
            self._where = "after"
            return answer
        self._held = text[-len(_CLOSING) + 1 :]
        return ""
