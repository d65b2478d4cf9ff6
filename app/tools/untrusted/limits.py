"""The most that a server may send, and what working on it may cost."""

from __future__ import annotations

MAX_RESPONSE_BYTES = 4 * 1024 * 1024
"""Bytes of one response on the wire, headers and framing included."""
READ_BYTES = 8 * 1024
"""Bytes that are read before others get a turn."""
MAX_VALUES = 200_000
"""JSON values in one document. An empty list takes 64 bytes here, and 3 on the wire."""
MAX_SERVER_REQUESTS = 10
"""Requests that a server may send within one response."""
MAX_NOTIFICATIONS = 10_000
"""Messages that need no answer, within one response."""
MAX_LOG_LINES = 20
"""Lines of one response that are written to the log, and shown; more are ignored."""
MAX_SHOWN_LINE_CHARS = 200
MAX_PROGRESS_CHARS = 200
MAX_PAGES = 50
MAX_TOOLS = 500
"""Tools that one server may list."""
MAX_BLOCKS = 1_000
"""Content blocks of one result."""
MAX_SCHEMA_CHARS = 16_000
CHECK_SECONDS = 2.0
CHECK_BYTES = 50 * 1024 * 1024
"""Memory of the process that checks what one server sends."""
