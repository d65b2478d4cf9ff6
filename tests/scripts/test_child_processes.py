"""Programs that never outlive the process that started them, seen from outside."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.processes import all_gone

ROOT = Path(__file__).resolve().parents[2]

# Both programs wait for a long time; the first has a worker, the second ignores SIGTERM. Each
# writes its line at once, since they share the pipe.
CHILDREN = """
import signal, sys, time
from scripts import child_processes
child_processes.GRACE_SECONDS = 0.5
python = [sys.executable, "-c"]
worker = "import os, time; os.write(1, (str(os.getpid()) + chr(10)).encode()); time.sleep(60)"
leader = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {worker!r}])"
stubborn = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {worker}"
for program in (leader, stubborn):
    child_processes.start([*python, program])
"""
WAIT = "import time; time.sleep(60)"

Start = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a Python program in the checkout, with a pipe to read what it prints."""
    started: list[subprocess.Popen[str]] = []

    def start(source: str) -> subprocess.Popen[str]:
        child = subprocess.Popen(
            [sys.executable, "-c", source],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(child)
        return child

    yield start
    for child in started:
        child.kill()
        child.communicate()


def read_pids(child: subprocess.Popen[str], count: int) -> list[int]:
    assert child.stdout is not None
    return [int(child.stdout.readline()) for _ in range(count)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_child_outlives_a_parent_that_was_ended_by_a_signal(
    start: Start, number: signal.Signals
) -> None:
    parent = start(f"{CHILDREN}\n{WAIT}")
    pids = read_pids(parent, 2)
    parent.send_signal(number)
    assert all_gone(pids)


def test_no_child_outlives_a_parent_that_ends_by_itself(start: Start) -> None:
    parent = start(f"{CHILDREN}\nsys.stdin.readline()")
    pids = read_pids(parent, 2)
    parent.communicate("")
    assert all_gone(pids)


def test_a_command_ends_when_the_runner_that_started_it_is_killed(start: Start) -> None:
    command = f"{CHILDREN}\nchild_processes.end_with_parent()\n{WAIT}"
    runner = start(f"import subprocess, sys; subprocess.run([sys.executable, '-c', {command!r}])")
    pids = read_pids(runner, 2)
    runner.kill()
    assert all_gone(pids)
