"""The parts that `create_app` wires together, where a view can reach them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import gevent
from flask import current_app

from app.config import Settings
from app.connections import Connections
from app.event_log import EventLog
from app.runs import Runs
from app.tokens import TokenIssuer
from app.tools import Catalogue


@dataclass(frozen=True)
class Engine:
    settings: Settings
    log: EventLog
    connections: Connections
    runs: Runs
    catalogue: Catalogue
    issuer: TokenIssuer
    _watchers: list[gevent.Greenlet[..., None]] = field(default_factory=list)

    def begin(self) -> None:
        """What the serving process does once at its start, and a command like `flask db` must not:
        end what a dead process left, and watch the tool services."""
        self.runs.recover()
        self._watchers.append(gevent.spawn(self.catalogue.watch))
        if self.settings.abandoned_run_seconds:
            self._watchers.append(gevent.spawn(self.runs.stop_abandoned))

    def end(self) -> None:
        """What the serving process does last: leave every answer with an honest end."""
        gevent.killall(self._watchers)
        self.runs.interrupt()


def engine() -> Engine:
    """The engine of the app that serves this request."""
    return cast(Engine, current_app.extensions["engine"])
