"""Each run's events, in order, appended by its producer and followed by any number of readers.

`EventLog` is the contract; `MemoryLog` keeps it for the one worker of the embedded mode, and
redis_log.RedisLog for any number of workers.
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
"""The seqs of a run's second producer begin at 2 * ATTEMPT + 1, the third's at 3 * ATTEMPT + 1, so
that whatever the ones before it have said to whom, new events are new to every reader."""


_LEAST_TICK, _LONGEST_TICK = 0.01, 0.25


def first_seq(attempt: int) -> int:
    """The seq of the first event of a run's `attempt`th producer."""
    return 1 if attempt == 1 else attempt * ATTEMPT + 1


class Entry(NamedTuple):
    """One event and its place in its run's log; the first has `seq` 1."""

    seq: int
    event: Event


class EventLog(Protocol):
    """Append and tail. A run's log ends with its Done and is dropped some time after that."""

    @property
    def up(self) -> bool:
        """Whether every worker can follow what is appended here just now."""

    def begin(self) -> None:
        """For the start of a serving process."""

    def end(self) -> None:
        """For its end: what was appended is where others find it, if that can be."""

    def open(self, run_id: str, attempt: int) -> None:
        """Produce a run here, as its `attempt`th producer."""

    def drop(self, run_id: str) -> None:
        """Produce it no longer; another worker does."""

    def suspend(self, run_id: str) -> None:
        """Produce it no longer, for now: all of it is stored, and it goes on here or elsewhere."""

    def follow(self, run_id: str, seq: int) -> None:
        """Let readers wait for a run that is stored up to `seq`, and produced by nobody."""

    def append(self, run_id: str, events: Sequence[Event]) -> int:
        """Add events at the end; the last one's seq. After Done nothing is added any more."""

    def read(self, run_id: str, after: int, timeout: float) -> list[Entry] | None:
        """What follows seq `after`: at once, or when it comes, or [] after `timeout` seconds.

        None when this log doesn't know the run (never started here, or dropped), or not what
        follows `after`, since the run was suspended and all of it is in the database.
        """

    def text(self, run_id: str, after: int) -> str:
        """The text that was appended here after seq `after`."""

    def wake(self) -> None:
        """Every reader that waits gets its [] now."""


@dataclass(slots=True, eq=False)
class _Run:
    """A log as it is kept. Most events are text: it is kept in one piece, of which the `i`th event,
    `seqs[i]`, is what goes up to `ends[i]`. All other events are in `events`, by their `i`. As
    objects of their own the words would take ten times as much."""

    base: int
    seqs: array[int] = field(default_factory=lambda: array("q"))
    ends: array[int] = field(default_factory=lambda: array("I"))
    text: bytearray = field(default_factory=bytearray)
    events: dict[int, Event] = field(default_factory=dict)
    waiting: dict[Waiter[None], float] = field(default_factory=dict)
    ended_at: float | None = None

    @property
    def last(self) -> int:
        return self.seqs[-1] if self.seqs else self.base

    def begin(self, base: int) -> None:
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

    def tell(self) -> None:
        """Wake all who wait."""
        waiting, self.waiting = self.waiting, {}
        for waiter in waiting:
            _wake(waiter)

    def tell_patient(self, now: float) -> float:
        """Wake those who have waited for as long as they wanted to; when the next one has."""
        for waiter in [waiter for waiter, until in self.waiting.items() if until <= now]:
            del self.waiting[waiter]
            _wake(waiter)
        return min(self.waiting.values(), default=inf)

    def after(self, seq: int) -> list[Entry]:
        """A reader who has all of an ended run is given its Done again, not silence for ever."""
        start = bisect_right(self.seqs, seq)
        newest = len(self.seqs) - (self.ended_at is not None)
        start = max(min(start, newest), 0)
        return [Entry(self.seqs[i], self._event(i)) for i in range(start, len(self.seqs))]

    def text_after(self, seq: int) -> str:
        return self.text[self._begin(bisect_right(self.seqs, seq)) :].decode()

    def _event(self, i: int) -> Event:
        return self.events.get(i) or Content(self.text[self._begin(i) : self.ends[i]].decode())

    def _begin(self, i: int) -> int:
        return self.ends[i - 1] if i else 0


def _wake(waiter: Waiter[None]) -> None:
    """gevent's Event does more, and keeps more of the stack, than one who waits needs."""
    gevent.get_hub().loop.run_callback(waiter.switch, None)


class MemoryLog:
    """Logs in this process's memory; finished ones are kept for `keep` seconds.

    For greenlets of one thread: where nothing waits, nothing comes between, so there are no locks.
    """

    up = True

    def __init__(self, keep: float = 300) -> None:
        self._keep = keep
        self._runs: dict[str, _Run] = {}
        self._ended: dict[str, float] = {}  # when; in that order
        self._waited_for: set[_Run] = set()
        self._clock: gevent.Greenlet[..., None] | None = None

    def begin(self) -> None:
        """Nothing to prepare."""

    def end(self) -> None:
        """Nothing to save: what lasts is in the database."""

    def open(self, run_id: str, attempt: int) -> None:
        self._drop_old()
        run = self._runs.setdefault(run_id, _Run(0))
        self._ended.pop(run_id, None)
        # Each producer begins with all that is stored, so what came before isn't needed.
        run.begin(first_seq(attempt) - 1)

    def drop(self, run_id: str) -> None:
        """Nobody can follow it here any more: its readers are told so."""
        run = self._runs.pop(run_id, None)
        self._ended.pop(run_id, None)
        if run is not None:
            run.tell()

    def suspend(self, run_id: str) -> None:
        """Only the number of its last event stays, and those who wait for the next one."""
        run = self._runs.get(run_id)
        if run is not None:
            run.begin(run.last)

    def follow(self, run_id: str, seq: int) -> None:
        self._runs.setdefault(run_id, _Run(seq))

    def append(self, run_id: str, events: Sequence[Event]) -> int:
        if run_id not in self._runs:
            self.open(run_id, 1)
        run = self._runs[run_id]
        numbered = enumerate(events, run.last + 1)
        self._extend(run_id, run, [Entry(seq, event) for seq, event in numbered])
        return run.last

    def put(self, run_id: str, entries: Sequence[Entry]) -> None:
        """Take in entries that another log has; those that are here already change nothing."""
        run = self._runs.setdefault(run_id, _Run(0))
        self._extend(run_id, run, [entry for entry in entries if entry.seq > run.last])

    def read(self, run_id: str, after: int, timeout: float) -> list[Entry] | None:
        run = self._runs.get(run_id)
        if run is None or (after < run.base and not run.seqs):
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

    def _tick(self) -> None:
        """One timer for all who wait, as long as anybody does: one for each would be set and
        cancelled at every word."""
        while (due := self._next_due()) < inf:
            wait = due - time.monotonic()
            gevent.sleep(min(max(wait, _LEAST_TICK), _LONGEST_TICK))

    def _next_due(self) -> float:
        """Wake those whose time is over; when the next one's is, inf when nobody waits."""
        now = time.monotonic()
        due = min((run.tell_patient(now) for run in self._waited_for), default=inf)
        self._waited_for = {run for run in self._waited_for if run.waiting}
        return due

    def text(self, run_id: str, after: int) -> str:
        run = self._runs.get(run_id)
        return "" if run is None else run.text_after(after)

    def known(self, run_id: str) -> int | None:
        """The newest seq, or None when there is nothing of this run."""
        run = self._runs.get(run_id)
        return None if run is None else run.last

    def ended(self, run_id: str) -> bool:
        run = self._runs.get(run_id)
        return run is not None and run.ended_at is not None

    def wake(self) -> None:
        for run in list(self._runs.values()):
            run.tell()

    def _extend(self, run_id: str, run: _Run, entries: list[Entry]) -> None:
        if run.ended_at is not None or not entries:
            return
        run.add(entries)
        if isinstance(entries[-1].event, Done):
            run.ended_at = time.monotonic()
            self._ended[run_id] = run.ended_at
        run.tell()

    def _drop_old(self) -> None:
        limit = time.monotonic() - self._keep
        old = takewhile(lambda run_id: self._ended[run_id] < limit, self._ended)
        for run_id in list(old):
            del self._ended[run_id], self._runs[run_id]
