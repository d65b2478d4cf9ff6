"""Titles of conversations: from the first question, from a model, from the person."""

from __future__ import annotations

from app.errors import InputError

LONGEST_TITLE = 80
"""Characters that a person may give a title."""
_LENGTH = 60


def make_title(question: str) -> str:
    """Return the title of a conversation that begins with this question."""
    line = " ".join(question.split())
    if len(line) <= _LENGTH:
        return line
    return line[: _LENGTH - 1].rsplit(" ", 1)[0].rstrip(",.;:") + "…"


def check_title(typed: object) -> str:
    """Return a title as it is stored: one line that can be printed. Raises InputError."""
    title = typed if isinstance(typed, str) else ""
    title = " ".join(
        "".join(sign for sign in title if sign.isprintable() or sign.isspace()).split()
    )
    if not title:
        raise InputError("Type a title first.", field="title")
    if len(title) > LONGEST_TITLE:
        sentence = f"That is {len(title):,} characters; a title has at most {LONGEST_TITLE}."
        raise InputError(sentence, field="title")
    return title
