"""A question's text as a page shows it: code apart from the rest, and long ones folded.

It is plain text but for fenced code: no Markdown is read in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})[^`\n]*$")
_MOST_LINES = 12
_MOST_CHARS = 1_500
_LINE_CHARS = 100  # about what a line on the page holds


@dataclass(frozen=True)
class QuestionPart:
    """Lines of a question that are code, or none of them."""

    text: str
    is_code: bool


@dataclass(frozen=True)
class QuestionText:
    """A question's parts. One that `is_long` is folded."""

    parts: list[QuestionPart]
    is_long: bool

    @property
    def has_code(self) -> bool:
        return any(part.is_code for part in self.parts)


def read_question(text: str) -> QuestionText:
    """Split a question at its fences. A fence that nothing closes goes on to the end."""
    parts: list[QuestionPart] = []
    lines: list[str] = []
    fence = ""

    def end_part(is_code: bool) -> None:
        joined = "\n".join(lines)
        lines.clear()
        if joined.strip():
            parts.append(QuestionPart(joined if is_code else joined.strip("\n"), is_code))

    for line in text.splitlines():
        found = _FENCE.match(line)
        if fence and line.strip() and not line.strip(fence[0] + " ") and _closes(line, fence):
            end_part(is_code=True)
            fence = ""
        elif not fence and found:
            end_part(is_code=False)
            fence = found[1]
        else:
            lines.append(line)
    end_part(is_code=bool(fence))
    return QuestionText(parts, _is_long(text))


def _closes(line: str, fence: str) -> bool:
    return line.count(fence[0]) >= len(fence)


def _is_long(text: str) -> bool:
    """Whether the page folds it: a long line counts as those that it is broken into."""
    if len(text) > _MOST_CHARS:
        return True
    return sum(1 + len(line) // _LINE_CHARS for line in text.splitlines()) > _MOST_LINES
