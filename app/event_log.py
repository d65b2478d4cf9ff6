"""Each run's events, in order, appended by its producer and followed by any number of readers.

`EventLog` is the contract; `MemoryLog` keeps it for the one worker of the embedded mode.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from app.events import Done, Event


@dataclass(frozen=True, slots=True)
class Entry:
    """One event and its place in its run's log; the first has `seq` 1."""

    seq: int
    event: Event


class EventLog(Protocol):
    """Append and tail. A run's log ends with its Done and is dropped some time after that."""

    def append(self, run_id: str, events: Sequence[Event]) -> int:
        """Add events at the end; the last one's seq. After Done nothing is added any more."""

    def read(self, run_id: str, after: int, timeout: float) -> list[Entry] | None:
        """What follows seq `after`: at once, or when it comes, or [] after `timeout` seconds.

        None when this log doesn't know the run (never started here, or dropped).
        """


@dataclass(slots=True)
class _Run:
    entries: list[Entry] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    ended_at: float | None = None


class MemoryLog:
    """Logs in this process's memory; finished ones are kept for `keep` seconds."""

    def __init__(self, keep: float = 300) -> None:
        self._keep = keep
        self._runs: dict[str, _Run] = {}

    def append(self, run_id: str, events: Sequence[Event]) -> int:
        run = self._runs.get(run_id) or self._open(run_id)
        with run.changed:
            if run.ended_at is None:
                self._extend(run, events)
                run.changed.notify_all()
            return len(run.entries)

    def read(self, run_id: str, after: int, timeout: float) -> list[Entry] | None:
        run = self._runs.get(run_id)
        if run is None:
            return None
        with run.changed:
            run.changed.wait_for(
                lambda: len(run.entries) > after or run.ended_at is not None, timeout
            )
            # A reader who has all of an ended run is given its Done again, not silence for ever.
            newest = len(run.entries) - (run.ended_at is not None)
            return run.entries[max(min(after, newest), 0) :]

    def _open(self, run_id: str) -> _Run:
        self._drop_old()
        return self._runs.setdefault(run_id, _Run())

    def _extend(self, run: _Run, events: Sequence[Event]) -> None:
        for event in events:
            run.entries.append(Entry(len(run.entries) + 1, event))
            if isinstance(event, Done):
                run.ended_at = time.monotonic()

    def _drop_old(self) -> None:
        limit = time.monotonic() - self._keep
        for run_id, run in list(self._runs.items()):
            if run.ended_at is not None and run.ended_at < limit:
                del self._runs[run_id]
