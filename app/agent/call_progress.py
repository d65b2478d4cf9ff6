"""What a server tells of one call: its progress as events, a few a second at most, and its log."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Self

import gevent

from app.agent.events import DisplayPart, Progress, ToolCallUpdate

SECONDS_BETWEEN = 0.5
"""Of several reports in between, the newest is an event. So nothing is told of a short call."""
MAX_LINES = 20
"""Log lines of one call that are kept, however often its server was asked."""


class ProgressEvents:
    """Gives `put` an event for the progress of a call that has `started`, until it is closed.

    Log lines cost the stream nothing: they are added to `lines`, and sent with the call's end.
    """

    def __init__(
        self,
        started: ToolCallUpdate,
        put: Callable[[ToolCallUpdate], object],
        lines: list[DisplayPart],
    ) -> None:
        self._started = started
        self._put = put
        self._lines = lines
        self._newest: Progress | None = None
        self._due = time.monotonic() + SECONDS_BETWEEN
        self._timer: gevent.Greenlet[[], None] | None = None

    def report(self, told: Progress | DisplayPart) -> None:
        """Take a report or log line of the tool's server, which may send any number of them."""
        if isinstance(told, DisplayPart):
            if len(self._lines) < MAX_LINES:
                self._lines.append(told)
            return
        self._newest = told
        if self._timer is None:
            self._timer = gevent.spawn_later(max(self._due - time.monotonic(), 0), self._tell)

    def _tell(self) -> None:
        self._timer = None
        self._due = time.monotonic() + SECONDS_BETWEEN
        self._put(replace(self._started, progress=self._newest))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._timer is not None:
            self._timer.kill(block=False)
