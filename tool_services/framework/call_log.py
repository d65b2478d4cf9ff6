"""One log line per tool call: when, which tool, for whom, how long, with what status."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from flask import Flask, Response, g

calls = logging.getLogger("tool_services.calls")


@dataclass
class CallRecord:
    """What the line will say; fields stay "-" until they are known to be true."""

    started: float
    tool: str = "-"
    user_id: str = "-"
    status: int | None = None
    """What the call came to where the response's own status doesn't say it."""


def begin_call() -> CallRecord:
    """Start the record of the call that the current request makes."""
    g.call_record = CallRecord(started=time.perf_counter())
    return g.call_record  # type: ignore[no-any-return]


def log_calls(app: Flask, service: str) -> None:
    """Write the line when the answer is ready, whatever it is. Never tokens or arguments."""
    _log_to_stderr()

    @app.after_request
    def write(response: Response) -> Response:
        record: CallRecord | None = g.get("call_record")
        if record is not None:
            duration = (time.perf_counter() - record.started) * 1000
            calls.info(
                "%s tool=%s user=%s status=%d duration_ms=%.1f",
                *(
                    service,
                    record.tool,
                    record.user_id,
                    record.status or response.status_code,
                    duration,
                ),
            )
        return response


def _log_to_stderr() -> None:
    logger = logging.getLogger("tool_services")
    logger.setLevel(logging.INFO)
    if not logger.hasHandlers():
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        logger.addHandler(handler)
