"""Names in `.env` and in the environment that are no settings: most are typing mistakes.

One `.env` serves all processes, so each of them has to know the settings of all.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from dotenv import dotenv_values

log = logging.getLogger(__name__)

_EXAMPLE = Path(__file__).resolve().parents[2] / ".env.example"
_FLASK = "FLASK_"  # the `flask` command reads settings of its own from .env
# Most of the environment is for other programs. So only a long name counts as mistyped, with one
# letter wrong or two swapped.
_LIKELY, _LONG = 0.88, 6


@cache
def all_settings() -> frozenset[str]:
    """Return the names of the settings that `.env.example` explains.

    Each tool service has more, which follow from its folder.
    """
    return frozenset(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", _EXAMPLE.read_text(), re.MULTILINE))


def unknown_settings(own: Iterable[str] = (), file: Path = Path(".env")) -> list[str]:
    """Return a sentence for each name in `file` that is no setting, and how to mend it.

    `own` are the tool services' settings, which `.env.example` doesn't list; the case is ignored.
    """
    known = all_settings().union(name.upper() for name in own)
    return [
        _sentence(name, _nearest(name, known, 0.6))
        for name in dotenv_values(file)
        if name.upper() not in known and not name.upper().startswith(_FLASK)
    ]


def warn_of_typing_mistakes(own: Iterable[str] = ()) -> None:
    """Log each environment variable whose name is nearly that of a setting, once in a process."""
    _warn(all_settings().union(name.upper() for name in own))


@cache
def _warn(known: frozenset[str]) -> None:
    for name in os.environ:
        if len(name) >= _LONG and name.upper() not in known:
            meant = _nearest(name, known, _LIKELY)
            if meant:
                log.warning("%s in the environment isn't a setting; did you mean %s?", name, meant)


def _nearest(name: str, known: frozenset[str], likeness: float) -> str | None:
    return next(iter(get_close_matches(name.upper(), known, 1, likeness)), None)


def _sentence(name: str, meant: str | None) -> str:
    if meant:
        return f"{name} in .env isn't a setting; did you mean {meant}?"
    return (
        f"{name} in .env isn't a setting, nor one of a service in TOOL_SERVICES_FOLDER;"
        " remove it, or look it up in .env.example."
    )
