"""Runs every test, in lanes side by side: `make test`; or counts what they cover: `make coverage`.

Much of a test's time is waiting, so a lane that had the machine to itself would leave it idle. The
fault suite waits most of all, and goes well with those that compute all the time. The browsers need
the machine more than any other and bear a full one worst: they come last, when it is free for them.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from scripts.launch import ROOT

_PYTEST = (sys.executable, "-m", "pytest", "-q")
_COVERED = (sys.executable, "-m", "coverage", "run", "-p", "-m", "pytest", "-q")
_BROWSER = (*_PYTEST, "-c", "tests/browser/pytest.ini")
_ELSEWHERE = tuple(f"--ignore=tests/{each}" for each in ("app", "workers", "faults", "bench"))
# A test's end drops whatever connections to the engines its greenlets still had.
_UNCLOSED = (
    "-W",
    "ignore::ResourceWarning",
    "-W",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)
_LEAST_COVERED = "95"


@dataclass
class Lane:
    """Commands that run one after the other; what they print comes in one piece each."""

    name: str
    commands: Sequence[tuple[str, ...]]
    failed: bool = field(default=False)

    def run(self) -> None:
        for command in self.commands:
            began = time.monotonic()
            done = subprocess.run(  # noqa: S603
                command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
            )
            self.failed |= done.returncode != 0
            how = "failed" if done.returncode else "passed"
            took = f"{how} in {time.monotonic() - began:.0f} s"
            title = f"\n--- {self.name} {took}: {' '.join(command[1:])}\n"
            _write(title.encode() + done.stdout)


_write_lock = threading.Lock()


def _write(text: bytes) -> None:
    with _write_lock:
        sys.stdout.buffer.write(text)
        sys.stdout.buffer.flush()


def side_by_side(lanes: Sequence[Lane]) -> bool:
    """Whether all of them passed."""
    threads = [threading.Thread(target=lane.run) for lane in lanes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return not any(lane.failed for lane in lanes)


def run_all() -> bool:
    """Whether every test passed."""
    engines = (*_PYTEST, *_UNCLOSED, "tests/app", "tests/tool_services", "--engines")
    workers = (*_PYTEST, *_UNCLOSED, "tests/workers")
    faults = (*_PYTEST, "tests/faults/test_faults.py")
    soak = (*_PYTEST, "tests/faults/test_soak.py")
    passed = side_by_side(
        [
            Lane("app", [(*_PYTEST, "tests/app")]),
            Lane("engines", [engines]),
            Lane("rest", [(*_PYTEST, "tests", *_ELSEWHERE), workers, soak]),
            Lane("processes", [faults, (*_BROWSER, "-n", "3", "tests/browser")]),
        ]
    )
    # With nothing beside it: it measures.
    return side_by_side([Lane("bench", [(*_PYTEST, "tests/bench")])]) and passed


def run_covered() -> bool:
    """Whether the tests that run in one process pass, and cover enough. Counting makes them take
    twice as long, so it is a run of its own."""
    coverage = (sys.executable, "-m", "coverage")
    subprocess.run([*coverage, "erase"], cwd=ROOT, check=False)  # noqa: S603
    passed = side_by_side(
        [
            Lane("app", [(*_COVERED, "tests/app")]),
            Lane("rest", [(*_COVERED, "tests", *_ELSEWHERE)]),
            Lane("workers", [(*_COVERED, *_UNCLOSED, "tests/workers")]),
        ]
    )
    subprocess.run([*coverage, "combine", "-q"], cwd=ROOT, check=False)  # noqa: S603
    report = [*coverage, "report", f"--fail-under={_LEAST_COVERED}"]
    return passed & (subprocess.run(report, cwd=ROOT, check=False).returncode == 0)  # noqa: S603


if __name__ == "__main__":
    sys.exit(not (run_covered() if "--coverage" in sys.argv else run_all()))
