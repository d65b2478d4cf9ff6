"""Whether processes are still there, on Linux and on macOS."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

PATIENCE_SECONDS = 10.0


def all_gone(pids: Iterable[int]) -> bool:
    """True as soon as none of `pids` lives; a killed one may need a moment to be gone."""
    left, deadline = set(pids), time.monotonic() + PATIENCE_SECONDS
    while left := {pid for pid in left if _state(pid) not in ("", "Z")}:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _state(pid: int) -> str:
    """The letter that ps shows; Z is dead and only not collected yet, nothing is no process."""
    # Small Linux images have no ps.
    if not Path("/proc/self/stat").exists():
        command = ["ps", "-o", "stat=", "-p", str(pid)]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout[:1]
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][:1]
    except OSError:
        return ""
