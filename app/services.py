"""The parts that `create_app` wires together, where a view can reach them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import cast

import gevent
from flask import current_app

from app.auth.tool_tokens import TokenIssuer
from app.config import Settings
from app.db.models import db
from app.db.server_watch import watch_server
from app.runs.connections import Connections
from app.runs.event_log import EventLog
from app.runs.service import Runs
from app.runs.subscription import Subscriptions
from app.tools.registry import ToolRegistry

# gunicorn accepts connections for up to a second after it was told to end.
_ACCEPTS_SECONDS = 1.1
_MARGIN_SECONDS = 2.0


@dataclass
class Services:
    settings: Settings
    log: EventLog
    connections: Connections
    runs: Runs
    registry: ToolRegistry
    issuer: TokenIssuer
    subscriptions: Subscriptions
    _watchers: list[gevent.Greenlet[..., None]] = field(default_factory=list)

    def begin(self) -> None:
        """What a serving process does once at its start, and a command like `flask db` must not:
        hold leases, take over what others left, and watch the tool services."""
        self.log.begin()
        watches = [self.registry.watch, self.runs.beat_for_ever, self.runs.save_for_ever]
        watches += [self._renew_streams, self._watch_database]
        if self.settings.abandoned_run_seconds:
            watches.append(self.runs.stop_abandoned)
        self._watchers += [gevent.spawn(watch) for watch in watches]

    def leave(self, grace: float) -> None:
        """Begin the end of a serving process, which has `grace` seconds: no new runs; open streams
        end and come back elsewhere; answers finish in time, or are handed over."""
        limit = time.monotonic() + grace - _MARGIN_SECONDS
        self.runs.leaving = True
        gevent.sleep(min(_ACCEPTS_SECONDS, max(0, grace - _MARGIN_SECONDS)))
        self.end_streams()
        while self.runs.counts()["activeRuns"] and time.monotonic() < limit:
            gevent.sleep(0.1)
        self.runs.hand_over()

    def end_streams(self) -> None:
        """Every open stream ends, and tells its reader to come back."""
        self.connections.leaving = True
        self.log.wake()

    def end(self) -> None:
        """What a serving process does last: what it has not finished another can go on with."""
        self.runs.leaving = True
        self.end_streams()
        self.runs.hand_over()
        with self.runs.beating:
            gevent.killall(self._watchers)
        self.log.end()

    def _watch_database(self) -> None:
        with self.subscriptions.app.app_context():
            database = db.engine
        watch_server(database)

    def _renew_streams(self) -> None:
        while True:
            gevent.sleep(3)
            self.connections.renew()


def services() -> Services:
    """The engine of the app that serves this request."""
    return cast(Services, current_app.extensions["services"])
