"""What a server tells in the course of one response: the progress of a call, and log lines.

A server may send any number of either, of any size, for whatever call it likes.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

from app.agent.events import DisplayPart, Progress
from app.errors import ToolFailure
from app.tools.untrusted.limits import (
    MAX_LOG_LINES,
    MAX_NOTIFICATIONS,
    MAX_PROGRESS_CHARS,
    MAX_SHOWN_LINE_CHARS,
)
from app.tools.untrusted.responses import one_line

log = logging.getLogger(__name__)

Report = Callable[[Progress | DisplayPart], object]

_MOST = 1e15  # what any reader's numbers count exactly
_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "notice": logging.INFO,
    "warning": logging.WARNING,
}
"""The levels of the protocol. What is worse is an error here."""


class Notifications:
    """Those within one response of `server`. Its log lines and its progress under `token` go to
    `report`."""

    def __init__(self, server: str, token: int, report: Report | None) -> None:
        self._server = server
        self._token = token
        self._report = report
        self._done = -1.0
        self._left = MAX_NOTIFICATIONS
        self._lines_left = MAX_LOG_LINES

    def take(self, message: dict[str, Any]) -> None:
        """Take in a notification. Raises ToolFailure after too many."""
        self._left -= 1
        if self._left < 0:
            raise ToolFailure(
                f"{self._server} sends more than {MAX_NOTIFICATIONS} messages beside its answer."
            )
        params = message.get("params")
        if not isinstance(params, dict):
            return
        if message["method"] == "notifications/progress":
            self._take_progress(params)
        elif message["method"] == "notifications/message":
            self._take_line(params)

    def _take_progress(self, params: dict[str, Any]) -> None:
        done = _amount(params.get("progress"))
        is_ours = params.get("progressToken") == self._token
        if self._report is None or not is_ours or done is None or done <= self._done:
            return
        self._done = done
        words = params.get("message")
        text = one_line(words, MAX_PROGRESS_CHARS).strip() if isinstance(words, str) else ""
        self._report(Progress(done, _amount(params.get("total")) or None, text))

    def _take_line(self, params: dict[str, Any]) -> None:
        self._lines_left -= 1
        if self._lines_left < 0:
            return
        data, name = params.get("data"), params.get("logger")
        text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
        words = f"{one_line(name, 64)}: {one_line(text)}" if name else one_line(text)
        level = params.get("level")
        number = _LEVELS.get(level, logging.ERROR) if isinstance(level, str) else logging.INFO
        log.log(number, "%s says: %s", self._server, words)
        if self._report is not None and number > logging.DEBUG:
            shown = one_line(text, MAX_SHOWN_LINE_CHARS).strip()
            self._report(DisplayPart("log", shown, logging.getLevelName(number).lower()))


def _amount(value: Any) -> float | None:
    """Return a number of things, or None for what is none."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if is_number and 0 <= value <= _MOST else None
