"""Titles of conversations: from the first question, from a model, from the person."""

from __future__ import annotations

import re

from app.errors import InputError
from app.texts import later

LONGEST_TITLE = 80
"""Characters that a person may give a title."""
_LENGTH = 60
_LABEL = re.compile(r"^(?:title|titel|título)\s*:\s*", re.IGNORECASE)
_EMPHASIS = re.compile("[*`]")
_AROUND = " \t\"'`*_#.“”„«»"


def make_title(question: str) -> str:
    """Return the title of a conversation that begins with this question."""
    line = " ".join(question.split())
    if len(line) <= _LENGTH:
        return line
    return line[: _LENGTH - 1].rsplit(" ", 1)[0].rstrip(",.;:") + "…"


def read_model_title(reply: str) -> str:
    """Return the title that a model's reply has, "" if there is none."""
    text = _EMPHASIS.sub("", _printable(reply[:2_000]))
    lines = (line.strip(_AROUND) for line in text.splitlines())
    first = next(filter(None, lines), "")
    return make_title(_LABEL.sub("", first).strip(_AROUND))


def _printable(text: str) -> str:
    """Leave out what can't be printed, such as marks that change the direction of writing."""
    return "".join(sign for sign in text if sign.isprintable() or sign.isspace())


def check_title(typed: object) -> str:
    """Return a title as it is stored: one line that can be printed. Raises InputError."""
    title = " ".join(_printable(typed if isinstance(typed, str) else "").split())
    if not title:
        raise InputError(later("Type a title first."), field="title")
    if len(title) > LONGEST_TITLE:
        sentence = f"That is {len(title):,} characters; a title has at most {LONGEST_TITLE}."
        raise InputError(sentence, field="title")
    return title
