"""Processes that are not the test's own: who is below whom, and whether they are still there."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress

import psutil

PATIENCE_SECONDS = 10.0


def below(pid: int) -> list[psutil.Process]:
    """The processes that `pid` started, and theirs; none when it has ended."""
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).children(recursive=True)
    return []


def children(pid: int) -> list[int]:
    """The processes that `pid` itself started; none when it has ended."""
    with suppress(psutil.NoSuchProcess):
        return [child.pid for child in psutil.Process(pid).children()]
    return []


def all_gone(pids: Iterable[int]) -> bool:
    """True as soon as none of `pids` lives; a killed one may need a moment to be gone."""
    left, deadline = set(pids), time.monotonic() + PATIENCE_SECONDS
    while left := {pid for pid in left if _lives(pid)}:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _lives(pid: int) -> bool:
    """A zombie is dead, and only not collected yet."""
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False
