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
    """Respond with the chunks as they come. Close `connection` when they end, however they end."""
    body = _encoded(chunks, connections, connection)
    next(body)
    response = Response(body, mimetype=mimetype, direct_passthrough=True)
    response.headers["Cache-Control"] = "private, no-store, no-transform"
    response.headers["X-Accel-Buffering"] = "no"
    return response


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
