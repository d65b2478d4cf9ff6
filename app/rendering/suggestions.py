"""Questions that a model or a tool suggests to ask next, for the app's own buttons.

A model writes them at the end of its answer, one a line, in a fenced block that says
`next-questions`. The block is not shown as text; nothing of it is seen while it is being written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

MOST = 4
LONGEST = 80
"""Characters of one question. A longer one is left out, since half a question is another one."""

_OPENING = "```next-questions"
_CLOSING = "```"
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
# A block with more lines, or a longer line, is read no further.
_MOST_LINES = 20
_LONGEST_LINE = 2 * LONGEST


class SuggestionFilter:
    """A filter that takes the suggested questions out of an answer's text, as it comes."""

    def __init__(self) -> None:
        self.questions: list[str] = []
        self._held = ""  # the beginning of a line that may open a block, or is within one
        self._within = False
        self._at_start = True  # of a line

    def feed(self, chunk: str) -> str:
        """Take more of the answer. Return what of it is text, as far as that is known."""
        if not (self._within or self._held or "`" in chunk):
            # Most of an answer comes this way.
            self._at_start = chunk.endswith("\n") or (self._at_start and not chunk)
            return chunk
        lines = _LINE.findall(self._held + chunk)
        self._held = ""
        return "".join([self._line(line) for line in lines])

    def close(self) -> str:
        """Return what was held back and is text after all: the answer has ended."""
        held, self._held = self._held, ""
        # A block's last line without an end may be half a question.
        return "" if self._within or held.rstrip() == _OPENING else held

    def _line(self, line: str) -> str:
        """Take a line, or the part of one that has come. Return what of it is text."""
        at_start, self._at_start = self._at_start, line.endswith("\n")
        if self._within:
            self._within_block(line)
            return ""
        if not at_start:
            return line
        if self._at_start:
            self._within = line.rstrip() == _OPENING
            return "" if self._within else line
        if _OPENING.startswith(line) or line.rstrip(" \t\r") == _OPENING:
            self._held, self._at_start = line, True
            return ""
        return line

    def _within_block(self, line: str) -> None:
        if not self._at_start:
            self._held = line[:_LONGEST_LINE]
        elif line.rstrip() == _CLOSING:
            self._within = False
        else:
            self._note(line)

    def _note(self, line: str) -> None:
        if len(self.questions) < _MOST_LINES:
            self.questions.append(line[:_LONGEST_LINE])


def without_suggestions(source: str) -> str:
    """Return a whole answer's text, without suggested questions."""
    suggestions = SuggestionFilter()
    return suggestions.feed(source) + suggestions.close()


def choose(suggested: Iterable[object]) -> list[str]:
    """Choose the questions to show: short ones, each once, in their order."""
    chosen: dict[str, str] = {}
    for question in suggested:
        if isinstance(question, str) and len(question) <= _LONGEST_LINE:
            words = " ".join(question.split()).removeprefix("- ")
            if 0 < len(words) <= LONGEST and words.isprintable():
                chosen.setdefault(words.casefold(), words)
        if len(chosen) == MOST:
            break
    return list(chosen.values())
