"""End the programs that a process has left behind: the watcher of `scripts/child_processes.py`.

Its input is a pipe from the watched process, which closes when that process ends. Each line is the
id of a program that leads a session of its own. The argument is the time in seconds that programs
have to end after SIGTERM.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterable
from contextlib import suppress

import psutil

_POLL_SECONDS = 0.05


def end(programs: Iterable[psutil.Process], grace: float) -> None:
    """End each program and all others of its process group: SIGTERM, then SIGKILL after `grace`."""
    left = [each for each in programs if _signal(each, signal.SIGTERM)]
    deadline = time.monotonic() + grace
    while left and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
        left = [each for each in left if _signal(each, 0)]
    for each in left:
        _signal(each, signal.SIGKILL)


def _signal(program: psutil.Process, number: int) -> bool:
    """Signal the group that the program leads; false when no process of it is left."""
    # The id may belong to another process by now. While one of the group lives, it can't.
    if psutil.pid_exists(program.pid) and not program.is_running():
        return False
    try:
        os.killpg(program.pid, number)
    except (ProcessLookupError, PermissionError):  # macOS denies it when only zombies are left
        return False
    return True


def main() -> None:
    if os.fork():
        os._exit(0)  # so that it is nobody's child, and no child of the watched process
    os.setsid()
    os.chdir("/")
    programs = []
    for line in sys.stdin:
        with suppress(psutil.NoSuchProcess):
            programs.append(psutil.Process(int(line)))
    end(programs, float(sys.argv[1]))


if __name__ == "__main__":
    main()
