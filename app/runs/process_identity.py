"""Tells the processes of all machines apart, and whether one of this machine still runs.

It knows nothing of runs.
"""

from __future__ import annotations

import os
import uuid
from functools import cache
from hashlib import blake2s
from pathlib import Path

import psutil


@cache
def process_name(pid: int) -> str:
    """The name of a process of this machine, which no other process ever has."""
    return f"{_node()}:{pid}:{_started_at(pid)}"


def is_dead(name: str) -> bool:
    """Whether the process with this name has ended, as far as can be seen from here: of a process
    on another machine, or in another container, that is unknown."""
    node, pid, started_at = name.split(":")[:3]
    return node == _node() and _started_at(int(pid)) != started_at


def _started_at(pid: int) -> str:
    """Hundredths of a second from the machine's start to the process's, since ids are used again;
    "" if there is no such process. Not the time of day: that changes when the clock is set."""
    try:
        process = psutil.Process(pid)
        if process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
            return ""
        return str(round((process.create_time() - psutil.boot_time()) * 100))
    except psutil.NoSuchProcess:
        return ""


@cache
def _node() -> str:
    """The same for all processes that see each other's ids, and for no others."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        scope = f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        scope = f"{uuid.getnode()}/{os.uname().nodename}"
    return blake2s(scope.encode(), digest_size=6).hexdigest()
