"""One reader's way through a run's entries, wherever the run is produced.

It knows neither the request nor how the entries are shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import gevent
from flask import Flask

from app.agent.events import Done, Event, Failed
from app.db.connection import is_unavailable
from app.db.models import Run, db
from app.errors import SessionEnded
from app.runs.connections import Connection, Connections
from app.runs.event_log import Entry, EventLog
from app.runs.replay import stored_events

_POLL_SECONDS = 0.5
_DELETED: tuple[Event, ...] = (
    Failed("deleted", "This answer was deleted.", retryable=False),
    Done("failed", message_id=""),
)


def entries_of(events: Iterable[Event], first: int = 1) -> list[Entry]:
    return [Entry(seq, event) for seq, event in enumerate(events, first)]


@dataclass(frozen=True)
class Subscriptions:
    """Follows runs by the event log, and by the database if the log has nothing: for a run that
    ended long ago, that waits, or whose log can't be reached now."""

    app: Flask
    log: EventLog
    connections: Connections
    ping_interval: float

    def subscribe(
        self, run_id: str, after: int = 0, connection: Connection | None = None
    ) -> Iterator[list[Entry]]:
        """Yield the entries after seq `after` in order, and an empty list after each silence of
        `ping_interval` seconds or less. Ends after Done, or when this worker stops. Touches neither
        the request nor, while it waits, the database. Raises SessionEnded once the session of
        `connection` has ended."""
        sent: list[Entry] = []  # from the database
        while not self.connections.is_closed:
            if connection is not None and connection.session_ended:
                raise SessionEnded("Your session has ended: sign in to go on.")
            entries = self.log.read(run_id, after, self.ping_interval)
            if not entries:
                stored = self._stored(run_id, after, in_log=entries is not None)
                if stored != sent:
                    entries = sent = stored
                elif entries is None:
                    gevent.sleep(_POLL_SECONDS)
            yield entries or []
            if entries:
                after = entries[-1].seq
                if isinstance(entries[-1].event, Done):
                    return
            # Or they would be kept until the next ones come.
            del entries

    def _stored(self, run_id: str, after: int, *, in_log: bool) -> list[Entry]:
        """What the database has of the run; nothing if the reader has it or gets it from the log.
        All of it stands for what the log said up to the seq that is stored with the run."""
        try:
            with self.app.app_context():
                run = db.session.get(Run, run_id)
                if run is None:
                    self.log.drop(run_id)
                    return entries_of(_DELETED, after + 1)
                if run.live and in_log:
                    return []
                if run.status == "waiting":
                    self.log.follow(run_id, run.seq)
                    if after == run.seq:
                        return []
                return [Entry(max(run.seq, 1), event) for event in stored_events(run)]
        except Exception as error:
            if not is_unavailable(error):
                raise
            return []
