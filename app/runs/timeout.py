"""How long an answer may take."""

from __future__ import annotations

import time

import gevent

from app.agent.events import ApprovalRequested, Event, ToolCallUpdate
from app.agent.messages import Turn


class RunTimeout:
    """The time that a run may take, in seconds; it stands still while a person is waited for."""

    def __init__(self, seconds: float) -> None:
        self._left = seconds
        self._waiting: set[str] = set()
        self._go()

    def _go(self) -> None:
        self._since = time.monotonic()
        self.timeout = gevent.Timeout.start_new(self._left)

    def observe(self, event: Event | Turn) -> None:
        if isinstance(event, ApprovalRequested):
            if not self._waiting:
                self.timeout.close()
                self._left -= time.monotonic() - self._since
            self._waiting.add(event.id)
        elif isinstance(event, ToolCallUpdate) and event.id in self._waiting:
            self._waiting.remove(event.id)
            if not self._waiting:
                self._go()
