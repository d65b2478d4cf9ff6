"""Streamed responses."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from errno import ECONNRESET

import gevent
from flask import Response

from app.runs.connections import Connection, Connections


def respond_with(
    chunks: Iterator[str],
    connections: Connections | None = None,
    connection: Connection | None = None,
    *,
    mimetype: str = "text/event-stream",
) -> Response:
    """Respond with the chunks as they come. Close `connection` when they end, however they end."""
    body = _encoded(chunks, connections, connection)
    next(body)
    response = Response(body, mimetype=mimetype, direct_passthrough=True)
    response.headers["Cache-Control"] = "private, no-store, no-transform"
    response.headers["X-Accel-Buffering"] = "no"
    return response


def drop_slow_reader(chunks: Iterable[str], seconds: float) -> Iterator[str]:
    """Yield the chunks. Break the connection off if its reader hasn't taken them within `seconds`.

    What makes the chunks isn't interrupted, so that nothing of it is left half done.
    """
    limit = time.monotonic() + seconds
    for chunk in chunks:
        # A server takes this for a reader who has gone. An end without an error would look whole.
        over = ConnectionResetError(ECONNRESET, f"the reader took more than {seconds:.0f} s")
        with gevent.Timeout(max(limit - time.monotonic(), 0), over):
            yield chunk


def _encoded(
    chunks: Iterator[str], connections: Connections | None, connection: Connection | None
) -> Iterator[bytes]:
    """Yield what the server sends as it is: a layer between would cost something for every word."""
    try:
        yield b""  # a generator that hasn't begun would not reach its `finally`
        yield from map(str.encode, chunks)
    finally:
        if connections is not None and connection is not None:
            connections.close(connection)
