"""Says in words how a call's arguments were read otherwise than the model wrote them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

MAX_READINGS = 20
LONGEST_QUOTE = 60


def describe_readings(written: Mapping[str, Any], read: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a phrase for each argument that differs, such as 'city: read “Any” as left out'."""
    if len(written) == 1 and not written.keys() & read.keys():
        [(name, inner)] = written.items()
        if isinstance(inner, dict) or str(inner).lstrip().startswith("{"):
            unwrapped = inner if isinstance(inner, dict) else read
            phrases = _phrases(unwrapped, read)
            return (f"read what is in “{_short(name)}” as the arguments", *phrases)[:MAX_READINGS]
    return tuple(_phrases(written, read))[:MAX_READINGS]


def _phrases(written: Mapping[str, Any], read: Mapping[str, Any]) -> Iterator[str]:
    added = {_plain(name): name for name in read if name not in written}
    for name, value in written.items():
        if name in read:
            if read[name] != value:
                yield f"{_short(name)}: read {_quote(value)} as {_quote(read[name])}"
            continue
        known = added.get(_plain(name))
        if known is None:
            yield f"{_short(name)}: read {_quote(value)} as left out"
            continue
        phrase = f"read “{_short(name)}” as {_short(known)}"
        yield phrase if read[known] == value else f"{phrase}, {_quote(read[known])}"


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name)).casefold()


def _quote(value: Any) -> str:
    if isinstance(value, str):
        return f"“{_short(value)}”"
    return _short(json.dumps(value, ensure_ascii=False))


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_QUOTE else text[:LONGEST_QUOTE] + "…"
