"""The names under which the model is offered tools: no two are the same, and each is callable."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection

from app.agent.messages import SERVER_SEPARATOR as SEPARATOR

MAX_NAME_CHARS = 64  # what a model's endpoint takes


def mark_as_theirs(server: str) -> str:
    """Say in words that something is another party's, at the beginning of a sentence."""
    return f"From {server} (not ours)"


def other_party(tool: str, our_services: Collection[str]) -> str:
    """Return the name of the server of a tool, if it is another party's, and "" otherwise."""
    server, separator, _ = tool.partition(SEPARATOR)
    return server if separator and server not in our_services else ""


def choose_name(server: str, tool: str, taken: Collection[str], *, ours: bool) -> str:
    """Choose a name for a server's tool that is not among those `taken`.

    Tools of our own services keep theirs. Others carry their server's name, so that none can pass
    for one of ours; so does a tool whose name is taken.
    """
    name = _callable_name(tool)
    if not ours or name in taken:
        name = _callable_name(f"{server}{SEPARATOR}{tool}")
    if name in taken:
        name = _callable_name(f"{server}{SEPARATOR}{tool}", distinct=True)
    return name


def _callable_name(name: str, *, distinct: bool = False) -> str:
    """A name of letters, digits, _ and -, not too long. `distinct` adds a digest of the original,
    as does cutting it."""
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", name)
    if len(plain) <= MAX_NAME_CHARS and not distinct:
        return plain
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{plain[: MAX_NAME_CHARS - 9]}_{digest}"
