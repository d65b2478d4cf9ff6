"""The parts that `create_app` wires together, where a view can reach them."""

from __future__ import annotations

from dataclasses import dataclass
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

    def begin(self) -> None:
        """What the serving process does once at its start, and a command like `flask db` must not:
        end what a dead process left, and watch the tool services."""
        self.runs.recover()
        gevent.spawn(self.catalogue.watch)
        if self.settings.abandoned_run_seconds:
            gevent.spawn(self.runs.stop_abandoned)


def engine() -> Engine:
    """The engine of the app that serves this request."""
    return cast(Engine, current_app.extensions["engine"])
