"""Run the tests, some pytest processes at a time: `make test`, `make check` and `make coverage`.

Tests wait for most of their time, so more processes run than the machine has cores. Each process
prints its output in one piece when it ends.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile

from scripts import ROOT
from scripts.child_processes import end_with_parent, start
from tool_services import all_services

Arguments = tuple[str, ...]

_AT_ONCE = 6
_REST = ("tests", *(f"--ignore=tests/{name}" for name in ("app", "bench", "faults", "workers")))
# Greenlets may still have connections to PostgreSQL and Valkey when a test ends.
_UNCLOSED = (
    *("-W", "ignore::ResourceWarning"),
    *("-W", "ignore::pytest.PytestUnraisableExceptionWarning"),
)
_NOT_SLOW = ("-m", "not slow")
# Half of the files each: as one group, they would run on alone when all others have ended.
_WEB_HALVES: tuple[Arguments, ...] = tuple(
    ("tests/app/web", f"--ignore-glob=tests/app/web/test_{names}*") for names in ("[!a-g]", "[a-g]")
)
_APP: tuple[Arguments, ...] = (
    *_WEB_HALVES,
    ("tests/app/runs", "tests/app/agent", "tests/app/llm"),
    ("tests/app", *(f"--ignore=tests/app/{name}" for name in ("agent", "llm", "runs", "web"))),
)
# Each service may have tests of its own in its folder, and so may those of each example.
_FOLDERS = {*all_services.folders().values(), *ROOT.glob("examples/*/*")}
_TESTS = tuple(str(tests) for each in sorted(_FOLDERS) if (tests := each / "tests").is_dir())
_TESTS_IN_BROWSERS = tuple(each for tests in _TESTS if Path(each := f"{tests}/browser").is_dir())
_SERVICES: tuple[Arguments, ...] = (_TESTS,) if _TESTS else ()
FAST: tuple[Arguments, ...] = tuple((*_NOT_SLOW, *group) for group in (*_APP, _REST, *_SERVICES))
_IN_BROWSERS = ("-c", "tests/browser/pytest.ini")
# These start servers of their own, and those of the services a product with its domain, so both
# can run beside the others in browsers.
_DEPLOYMENT = "tests/browser/test_deployment.py"
# The longest begin first, so that all end at about the same time.
ALL: tuple[Arguments, ...] = (
    (*_IN_BROWSERS, "-n", "2", "tests/browser", f"--ignore={_DEPLOYMENT}"),
    ("tests/faults",),
    _APP[-1],
    (*_UNCLOSED, "tests/app", "tests/tool_services", *_TESTS, "--engines"),
    *_WEB_HALVES,
    _REST,
    (*_IN_BROWSERS, _DEPLOYMENT, *_TESTS_IN_BROWSERS),
    _APP[-2],
    (*_UNCLOSED, "tests/workers"),
    *_SERVICES,
)
# It measures, so nothing runs beside it.
ALONE: Arguments = ("tests/bench",)
COVERED: tuple[Arguments, ...] = (*_APP, _REST, *_SERVICES, (*_UNCLOSED, "tests/workers"))
_LEAST_COVERED = "95"
_PYTEST = (sys.executable, "-m", "pytest", "-q")
_COVERAGE = (sys.executable, "-m", "coverage")
_running: set[subprocess.Popen[bytes]] = set()
_interrupted = threading.Event()
_output_lock = threading.Lock()


def run(groups: Sequence[Arguments], pytest: Sequence[str] = _PYTEST) -> bool:
    """Run pytest with each group of arguments, and return whether all tests passed."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return all([*pool.map(lambda arguments: _run((*pytest, *arguments)), groups)])


def _run(command: Sequence[str]) -> bool:
    if _interrupted.is_set():
        return False
    began = time.monotonic()
    # A file rather than a pipe, which would stay open as long as anything that pytest has started.
    with TemporaryFile() as output:
        with start(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT) as child:
            _running.add(child)
            child.wait()
            _running.discard(child)
        # The workers of pytest-xdist outlive it if all are interrupted at once.
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        result = "failed" if child.returncode else "passed"
        title = f"\n--- {result} in {time.monotonic() - began:.0f} s: {' '.join(command[1:])}\n"
        output.seek(0)
        with _output_lock:
            sys.stdout.buffer.write(title.encode() + output.read())
            sys.stdout.buffer.flush()
    return child.returncode == 0


def _interrupt(*_: object) -> None:
    """Pass Ctrl-C on to pytest, which then stops what its fixtures have started."""
    _interrupted.set()
    for child in tuple(_running):
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGINT)


def run_covered() -> bool:
    """Run the tests that need no other process, and return whether they pass and cover enough.

    Apart from the others, because counting doubles their time.
    """
    subprocess.run([*_COVERAGE, "erase"], cwd=ROOT, check=False)  # noqa: S603
    passed = run(COVERED, (*_COVERAGE, "run", "-p", "-m", "pytest", "-q"))
    subprocess.run([*_COVERAGE, "combine", "-q"], cwd=ROOT, check=False)  # noqa: S603
    report = [*_COVERAGE, "report", f"--fail-under={_LEAST_COVERED}"]
    return passed & (subprocess.run(report, cwd=ROOT, check=False).returncode == 0)  # noqa: S603


def main() -> None:
    end_with_parent()
    # Else each of two hundred processes would compile the whole program anew.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    if "--fast" in sys.argv:
        passed = run(FAST)
    elif "--coverage" in sys.argv:
        passed = run_covered()
    else:
        passed = run(ALL) & run([ALONE])
    sys.exit(not passed)


if __name__ == "__main__":
    main()
