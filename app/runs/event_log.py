"""Each run's events in order, appended by its producer and followed by any number of readers.

`EventLog` is the contract. `MemoryLog` is for the one worker of the embedded mode;
redis_event_log.RedisLog is for any number of workers.
"""

from __future__ import annotations

import time
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from math import inf
from typing import NamedTuple, Protocol

import gevent
from gevent.hub import Waiter

from app.agent.events import Content, Done, Event

ATTEMPT = 1_000_000
"""The seqs of a run's second attempt begin at 2 * ATTEMPT + 1, of the third at 3 * ATTEMPT + 1. So
its events are new to every reader, whatever earlier attempts sent to whom."""

_SHORTEST_TICK, _LONGEST_TICK = 0.01, 0.25  # seconds


def first_seq(attempt: int) -> int:
    """The seq of an attempt's first event."""
    return 1 if attempt == 1 else attempt * ATTEMPT + 1


class Entry(NamedTuple):
    """An event and its number in its run's log, where the first has `seq` 1."""

    seq: int
    event: Event


class EventLog(Protocol):
    """Append and follow. A run's log ends with its Done, and is dropped some time after that."""

    @property
    def up(self) -> bool:
        """Whether every worker can follow now what is appended here."""

    def start(self) -> None:
        """Start what a serving process needs."""

    def stop(self) -> None:
        """Stop it, after everything that was appended is sent to the other workers, if it can."""

    def open(self, run_id: str, attempt: int) -> None:
        """Begin an attempt at a run here."""

    def drop(self, run_id: str) -> None:
        """Forget a run that is not produced here any more; its readers look elsewhere."""

    def suspend(self, run_id: str) -> None:
        """End an attempt whose events are all stored; the next one may be here or elsewhere. Its
        readers go on to wait."""

    def follow(self, run_id: str, seq: int) -> None:
        """Let readers wait for the next attempt at a run that is stored up to `seq`."""

    def append(self, run_id: str, events: Sequence[Event]) -> int:
        """Add events at the end, and return the last one's seq. Nothing is added after Done."""

    def read(self, run_id: str, after: int, timeout: float) -> list[Entry] | None:
        """The entries after seq `after`: at once, or when there is one, or [] after `timeout`
        seconds. None if this log doesn't have them: the run is unknown, dropped or suspended."""

    def text(self, run_id: str, after: int) -> str:
        """The text that was appended here after seq `after`."""

    def wake_readers(self) -> None:
        """Let every reader that waits have its [] now."""


@dataclass(slots=True, eq=False)
class _RunLog:
    """The log of one run. Most events are text, and all text is kept in one piece: as objects of
    their own, the words would take ten times the memory. The event number `i` has seq `seqs[i]`;
    if it is text, that is what ends at `ends[i]`, otherwise it is in `events`."""

    base: int  # the seq before the first
    seqs: array[int] = field(default_factory=lambda: array("q"))
    ends: array[int] = field(default_factory=lambda: array("I"))
    text: bytearray = field(default_factory=bytearray)
    events: dict[int, Event] = field(default_factory=dict)
    waiting: dict[Waiter[None], float] = field(default_factory=dict)  # until when
    ended_at: float | None = None

    @property
    def last(self) -> int:
        return self.seqs[-1] if self.seqs else self.base

    def clear(self, base: int) -> None:
        """Forget all entries; the next one follows `base`."""
        self.base, self.ended_at = base, None
        self.seqs, self.ends = array("q"), array("I")
        self.text, self.events = bytearray(), {}

    def add(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            event = entry.event
            if isinstance(event, Content) and not event.replace:
                self.text += event.chunk.encode()
            else:
                self.events[len(self.seqs)] = event
            self.seqs.append(entry.seq)
            self.ends.append(len(self.text))

    def has(self, after: int) -> bool:
        """Whether nothing between seq `after` and here is missing."""
        return bool(self.seqs) or after >= self.base

    def after(self, seq: int) -> list[Entry]:
        """The entries after `seq`. A reader who has everything of an ended run gets Done again."""
        start = bisect_right(self.seqs, seq)
        newest = len(self.seqs) - (self.ended_at is not None)
        start = max(min(start, newest), 0)
        return [Entry(self.seqs[i], self._event(i)) for i in range(start, len(self.seqs))]

    def text_after(self, seq: int) -> str:
        return self.text[self._begin(bisect_right(self.seqs, seq)) :].decode()

    def wake_all(self) -> None:
        waiting, self.waiting = self.waiting, {}
        for waiter in waiting:
            _wake(waiter)

    def wake_expired(self, now: float) -> float:
        """Wake the readers whose timeout has passed, and return the next deadline."""
        for waiter in [waiter for waiter, until in self.waiting.items() if until <= now]:
            del self.waiting[waiter]
            _wake(waiter)
        return min(self.waiting.values(), default=inf)

    def _event(self, i: int) -> Event:
        return self.events.get(i) or Content(self.text[self._begin(i) : self.ends[i]].decode())

    def _begin(self, i: int) -> int:
        return self.ends[i - 1] if i else 0


def _wake(waiter: Waiter[None]) -> None:
    """Cheaper than gevent's Event, which also needs a deeper stack in each greenlet that waits."""
    gevent.get_hub().loop.run_callback(waiter.switch, None)


class MemoryLog:
    """Logs in this process's memory; those of ended runs are kept for `keep` seconds.

    It has no locks, since all its greenlets are of one thread, and switch only where they wait.
    """

    up = True

    def __init__(self, keep: float = 300) -> None:
        self._keep = keep
        self._runs: dict[str, _RunLog] = {}
        self._ended: dict[str, float] = {}  # when, the oldest first
        self._waited_for: set[_RunLog] = set()
        self._clock: gevent.Greenlet[..., None] | None = None

    def start(self) -> None:
        """Nothing to do."""

    def stop(self) -> None:
        """Nothing to do: what has to last is in the database."""

    def open(self, run_id: str, attempt: int) -> None:
        self._drop_old()
        self._ended.pop(run_id, None)
        # Each attempt begins with all that is stored, so the entries before it aren't needed.
        self._runs.setdefault(run_id, _RunLog(0)).clear(first_seq(attempt) - 1)

    def drop(self, run_id: str) -> None:
        run = self._runs.pop(run_id, None)
        self._ended.pop(run_id, None)
        if run is not None:
            run.wake_all()

    def suspend(self, run_id: str) -> None:
        """What stays is the seq of the last event, and the readers who wait for the next one."""
        run = self._runs.get(run_id)
        if run is not None:
            run.clear(run.last)

    def follow(self, run_id: str, seq: int) -> None:
        self._runs.setdefault(run_id, _RunLog(seq))

    def append(self, run_id: str, events: Sequence[Event]) -> int:
        if run_id not in self._runs:
            self.open(run_id, 1)
        run = self._runs[run_id]
        numbered = enumerate(events, run.last + 1)
        self._extend(run_id, run, [Entry(seq, event) for seq, event in numbered])
        return run.last

    def merge(self, run_id: str, entries: Sequence[Entry]) -> None:
        """Add the entries of another log that are not here yet."""
        run = self._runs.setdefault(run_id, _RunLog(0))
        self._extend(run_id, run, [entry for entry in entries if entry.seq > run.last])

    def read(self, run_id: str, after: int, timeout: float) -> list[Entry] | None:
        run = self._runs.get(run_id)
        if run is None or not run.has(after):
            return None
        if run.last <= after and run.ended_at is None and timeout:
            waiter: Waiter[None] = Waiter()
            run.waiting[waiter] = time.monotonic() + timeout
            self._waited_for.add(run)
            if self._clock is None or self._clock.dead:
                self._clock = gevent.spawn(self._tick)
            try:
                waiter.get()
            finally:
                run.waiting.pop(waiter, None)
        return run.after(after)

    def text(self, run_id: str, after: int) -> str:
        run = self._runs.get(run_id)
        return "" if run is None else run.text_after(after)

    def last_seq(self, run_id: str) -> int | None:
        """None if the run is unknown."""
        run = self._runs.get(run_id)
        return None if run is None else run.last

    def has_ended(self, run_id: str) -> bool:
        run = self._runs.get(run_id)
        return run is not None and run.ended_at is not None

    def wake_readers(self) -> None:
        for run in list(self._runs.values()):
            run.wake_all()

    def _tick(self) -> None:
        """Time out the readers, as long as there are any. One timer for all, since one for each
        would be set and cancelled at every word."""
        while (deadline := self._wake_expired()) < inf:
            wait = deadline - time.monotonic()
            gevent.sleep(min(max(wait, _SHORTEST_TICK), _LONGEST_TICK))

    def _wake_expired(self) -> float:
        """Wake the readers whose timeout has passed, and return the next deadline, or inf."""
        now = time.monotonic()
        deadline = min((run.wake_expired(now) for run in self._waited_for), default=inf)
        self._waited_for = {run for run in self._waited_for if run.waiting}
        return deadline

    def _extend(self, run_id: str, run: _RunLog, entries: list[Entry]) -> None:
        if run.ended_at is not None or not entries:
            return
        run.add(entries)
        if isinstance(entries[-1].event, Done):
            run.ended_at = time.monotonic()
            self._ended[run_id] = run.ended_at
        run.wake_all()

    def _drop_old(self) -> None:
        limit = time.monotonic() - self._keep
        old = takewhile(lambda run_id: self._ended[run_id] < limit, self._ended)
        for run_id in list(old):
            del self._ended[run_id], self._runs[run_id]
