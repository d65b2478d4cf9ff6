"""Start programs that never outlive this process, however it ends.

Ctrl-C, SIGTERM and even `kill -9` leave no program behind: a separate process waits for the end of
this one and then ends what it started (`scripts/end_orphans.py`). The kernel can do the same on
Linux (PR_SET_PDEATHSIG), but not on macOS, not for programs that change their user, and not from
threads.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

GRACE_SECONDS = 10.0
"""Time for programs to end after SIGTERM, before they are killed. More than a supervisor needs to
end its own."""
_POLL_SECONDS = 0.5
_WATCHER = Path(__file__).with_name("end_orphans.py")
_watched: int | None = None
_lock = threading.Lock()


def start(command: Sequence[str | Path], **options: Any) -> subprocess.Popen[Any]:
    """Start a program in a session of its own; takes the options of `subprocess.Popen`.

    Signals from the terminal don't reach it: the caller ends it, or the watcher does.
    """
    watched = _watcher()
    child = subprocess.Popen(command, start_new_session=True, **options)  # noqa: S603
    os.write(watched, f"{child.pid}\n".encode())
    return child


def end_with_parent() -> None:
    """Send SIGTERM to this process once its parent has ended, for example by `kill -9`."""
    parent = os.getppid()
    if parent != 1:  # else the system started it, or nobody is left to wait for
        threading.Thread(target=_wait_for_end, args=(parent,), daemon=True).start()


def _wait_for_end(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_POLL_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)


def _watcher() -> int:
    """Return the file that the watcher reads program ids from, one a line."""
    global _watched
    with _lock:
        if _watched is None:
            # Closed by the system when this process ends; programs don't inherit it.
            read_end, _watched = os.pipe()
            command = [sys.executable, "-I", str(_WATCHER), str(GRACE_SECONDS)]
            try:
                # Returns at once: the watcher leaves this process's family by forking.
                subprocess.run(  # noqa: S603
                    command,
                    stdin=read_end,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    check=True,
                )
            finally:
                os.close(read_end)
        return _watched
