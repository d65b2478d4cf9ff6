"""A run's events as they come, wherever it is produced, up to its end or to this worker's."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import gevent
from flask import Flask

from app.agent.events import Done, Event
from app.db.connection import is_unavailable
from app.db.models import Run, db
from app.runs.connections import Connections
from app.runs.event_log import Entry, EventLog
from app.runs.replay import stored_events

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.5


def entries_of(events: Iterable[Event], first: int = 1) -> list[Entry]:
    return [Entry(seq, event) for seq, event in enumerate(events, first)]


@dataclass(frozen=True)
class Subscriptions:
    """Follows runs by the event log, and by the database where the log has nothing: a run that has
    ended long ago, that waits for a worker, or whose log can't be reached now."""

    app: Flask
    log: EventLog
    connections: Connections
    ping_interval: float

    def subscribe(self, run_id: str, after: int = 0) -> Iterator[list[Entry]]:
        """Entries after seq `after` in order; an empty list stands for silence. Touches neither the
        request nor, while it waits, the database."""
        shown: list[Entry] = []
        while not self.connections.leaving:
            entries = self.log.read(run_id, after, self.ping_interval)
            if not entries:
                stored = self._stored(run_id, in_log=entries is not None)
                if stored != shown:
                    entries = shown = stored
                elif entries is None:
                    gevent.sleep(_POLL_SECONDS)
            yield entries or []
            if entries:
                after = entries[-1].seq
                if isinstance(entries[-1].event, Done):
                    return
            # Or they would be kept until the next ones come.
            del entries

    def _stored(self, run_id: str, *, in_log: bool) -> list[Entry]:
        """What the database has of the run; of one in the log nothing, unless it has ended without
        its log's saying so."""
        try:
            with self.app.app_context():
                run = db.session.get(Run, run_id)
                if run is None or (run.live and in_log):
                    return []
                # All of it stands for what the log says up to the seq that is stored with it.
                return [Entry(max(run.seq, 1), event) for event in stored_events(run)]
        except Exception as error:
            if not is_unavailable(error):
                raise
            return []
