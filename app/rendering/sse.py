"""Server-Sent Events: how one is framed, and a run's events as JSON for API clients."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from app.agent.events import Done, Failed, to_json
from app.errors import SessionEnded
from app.runs.event_log import Entry

RETRY_MS = 3000
BACK_MS = 200
"""For a stream that ends before its run does: the reader comes back soon, to another worker."""

Batches = Iterable[list[Entry]]
"""Entries in order. An empty list means silence, long enough for a ping."""


def sse(event: str, data: str, *, id: int | None = None) -> str:
    """Frame one Server-Sent Event. Line breaks within `data` become lines of their own."""
    head = "" if event == "message" else f"event: {event}\n"
    head += "" if id is None else f"id: {id}\n"
    lines = data.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return head + "".join(f"data: {line}\n" for line in lines) + "\n"


def as_json(batches: Batches) -> Iterator[str]:
    """Yield the API's event stream. It ends with an error if the reader's session does."""
    try:
        yield from _events(batches)
    except SessionEnded as error:
        ended = Failed(error.code, error.message, retryable=False)
        yield sse(ended.name, compact_json(to_json(ended)))


def _events(batches: Batches) -> Iterator[str]:
    yield f"retry: {RETRY_MS}\n\n"
    seq = None
    last = None
    for entries in batches:
        if not entries:
            yield sse("ping", "{}", id=seq)
            continue
        seq, last = entries[-1].seq, entries[-1].event
        yield "".join(
            sse(entry.event.name, compact_json(to_json(entry.event)), id=entry.seq)
            for entry in entries
        )
    if not isinstance(last, Done):
        yield f"retry: {BACK_MS}\n\n"


def compact_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
