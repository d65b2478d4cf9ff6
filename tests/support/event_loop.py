"""How long the event loop is held: in CPU, which is the same however busy the machine is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import gevent

_COUNTED = 1_000_000


@dataclass
class Turns:
    """The turns of the event loop while it was watched.

    `longest` is the most CPU that this process used in one turn, and `all` what it used in all of
    them, both in units of what it took to count to a million on this machine before or after,
    whichever was slower: beside busy programs the same work takes up to three times the CPU.
    """

    longest: float = 0.0
    all: float = 0.0


@contextmanager
def watched_turns() -> Iterator[Turns]:
    """Watch how long other greenlets have to wait for their turn."""
    turns, unit = Turns(), _unit()

    def watch() -> None:
        while True:
            before = time.process_time()
            gevent.sleep(0.001)
            used = time.process_time() - before
            turns.longest = max(turns.longest, used)
            turns.all += used

    watching = gevent.spawn(watch)
    gevent.sleep(0)
    try:
        yield turns
        gevent.sleep(0.002)
    finally:
        watching.kill()
        unit = max(unit, _unit())
        turns.longest /= unit
        turns.all /= unit


def _unit() -> float:
    return min(_count() for _ in range(3))


def _count() -> float:
    before = time.process_time()
    for _ in range(_COUNTED):
        pass
    return time.process_time() - before
