"""Streamed responses."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Response

from app.runs.connections import Connection, Connections


def respond_with(
    chunks: Iterator[str],
    connections: Connections | None = None,
    connection: Connection | None = None,
    *,
    mimetype: str = "text/event-stream",
) -> Response:
    """The streamed response; `connection` is closed when it ends, however it ends."""
    body = _sent(chunks, connections, connection)
    next(body)
    response = Response(body, mimetype=mimetype, direct_passthrough=True)
    response.headers["Cache-Control"] = "private, no-store, no-transform"
    response.headers["X-Accel-Buffering"] = "no"
    return response


def _sent(
    chunks: Iterator[str], connections: Connections | None, connection: Connection | None
) -> Iterator[bytes]:
    """What the server takes as it is: a layer between would be gone through for every word, and
    its part of the stack kept meanwhile."""
    try:
        yield b""  # what has not begun would not hear of its end
        yield from map(str.encode, chunks)
    finally:
        if connections is not None and connection is not None:
            connections.close(connection)
