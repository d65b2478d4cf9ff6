"""One log line per tool call: tool, user, status and duration. Never a token or an argument."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from flask import Flask, Response, g

calls = logging.getLogger("tool_services.calls")


@dataclass
class CallRecord:
    """The fields of one log line. Each is "-" until it has been verified."""

    started: float
    tool: str = "-"
    user_id: str = "-"
    status: int | None = None
    """The status of a call that failed inside an HTTP response of status 200, as in MCP."""


def begin_call() -> CallRecord:
    """Start the record of the current request's call."""
    g.call_record = record = CallRecord(started=time.perf_counter())
    return record


def log_calls(app: Flask, service: str) -> None:
    """Write the log line after each request that began a call."""
    _log_to_stderr()

    @app.after_request
    def write_line(response: Response) -> Response:
        record: CallRecord | None = g.get("call_record")
        if record is not None:
            duration_ms = (time.perf_counter() - record.started) * 1000
            status = record.status or response.status_code
            calls.info(
                "%s tool=%s user=%s status=%d duration_ms=%.1f",
                *(service, record.tool, record.user_id, status, duration_ms),
            )
        return response


def _log_to_stderr() -> None:
    """Log at level INFO, to stderr unless the program has set up logging."""
    logger = logging.getLogger("tool_services")
    logger.setLevel(logging.INFO)
    if not logger.hasHandlers():
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        logger.addHandler(handler)
