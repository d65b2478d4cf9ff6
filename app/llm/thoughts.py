"""What a model thinks before it answers, in a field of its own or in the text of the reply itself.

Models that think write it between two tags at the beginning, and not every endpoint takes it out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from app.agent.events import Thinking
from app.llm.characters import whole_characters

LONGEST_THOUGHTS = 20_000
"""Characters that are kept of the thoughts before one reply."""
_OPENING, _CLOSING = "<think>", "</think>"
_MOST_SPACE = 100  # characters of white space that may come before the thoughts


class Thoughts:
    """The thoughts before one reply, within a bound; `now` is a clock in seconds."""

    __slots__ = ("_began", "_now", "_pieces", "_room")

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._began: float | None = None
        self._pieces: list[str] = []
        self._room = LONGEST_THOUGHTS

    def add(self, piece: str) -> None:
        if self._began is None:
            self._began = self._now()
        if self._room > 0 and piece:
            self._pieces.append(piece[: self._room])
            self._room -= len(piece)

    def take(self) -> Thinking | None:
        """Return the thoughts, now that they are over, and how long they took; None without any.

        More of them are taken as others, which few models have.
        """
        text = whole_characters("".join(self._pieces)).strip()
        began, self._began, self._pieces = self._began, None, []
        if not text or began is None:
            return None
        cut = "…" if self._room < 0 else ""
        return Thinking("Thinking…", thoughts=text + cut, seconds=round(self._now() - began, 2))


class ThoughtFilter:
    """Takes the thoughts at the beginning of a text that comes in pieces out of it, and gives them
    to `keep`."""

    __slots__ = ("_held", "_keep", "_where")

    def __init__(self, keep: Callable[[str], None]) -> None:
        self._keep = keep
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
            return start.removeprefix(_OPENING)
        if _OPENING.startswith(start) and len(text) <= _MOST_SPACE:
            self._held = text
            return ""
        self._where = "answer"
        return text

    def _skip(self, text: str) -> str:
        """Take out the thoughts, but for an end that may be half of the closing tag."""
        thoughts, closing, answer = text.partition(_CLOSING)
        if closing:
            self._where = "after"
            self._keep(thoughts)
            return answer
        self._held = text[-len(_CLOSING) + 1 :]
        self._keep(text.removesuffix(self._held))
        return ""
