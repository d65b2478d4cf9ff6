"""Several programs that live and end as one, seen from outside: real processes, real signals."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.processes import all_gone

ROOT = Path(__file__).resolve().parents[2]

# Has a child of its own, as gunicorn has workers; says who it is, and then waits for its end.
WITH_WORKER = (
    "import os, subprocess, sys, time; "
    "worker = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); "
    "print('pids', os.getpid(), worker.pid); time.sleep(60)"
)
STUBBORN = (
    "import os, signal, time; "
    "signal.signal(signal.SIGTERM, lambda *_: print('asked to end')); "
    "print('pids', os.getpid()); [time.sleep(1) for _ in range(60)]"
)
SHORT_LIVED = "import sys, time; time.sleep(0.5); print('my port is gone'); sys.exit(3)"
KILLED = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"

Start = Callable[..., "subprocess.Popen[str]"]


def supervising(sources: dict[str, str], grace: float, restart: bool = False) -> str:
    """A program that supervises these, each given as Python source by its name."""
    return (
        "import os, sys; from scripts.programs import Program, run_programs; "
        f"programs = [Program(n, (sys.executable, '-c', s), {restart}) "
        f"for n, s in {sources!r}.items()]; "
        f"sys.exit(run_programs(programs, os.environ, lambda: 'all are there', {grace}))"
    )


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a supervisor over name=Python-source programs."""
    started: list[subprocess.Popen[str]] = []

    def start(
        grace: float = 5.0,
        output: int = subprocess.PIPE,
        restart: bool = False,
        **sources: str,
    ) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", supervising(sources, grace, restart)]
        child = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, cwd=ROOT, text=True
        )
        started.append(child)
        return child

    yield start
    for child in started:
        child.terminate()
        child.wait()


def read_until(child: subprocess.Popen[str], *wanted: str) -> str:
    """What the supervisor printed until each of `wanted` had come."""
    assert child.stdout is not None
    text = ""
    for line in child.stdout:
        text += line
        if all(each in text for each in wanted):
            return text
    raise AssertionError(f"ended before {wanted} came:\n{text}")


def pids(text: str) -> list[int]:
    found = [int(pid) for line in re.findall(r"pids ([\d ]+)", text) for pid in line.split()]
    assert found
    return found


def test_each_line_is_named_by_its_program_at_once_and_the_ready_sentence_follows(
    start: Start,
) -> None:
    child = start(web=WITH_WORKER, bookings=WITH_WORKER)
    text = read_until(child, "web      | pids", "bookings | pids", "all are there")
    assert "all are there" in text.splitlines()
    assert "\033" not in text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_every_program_and_its_workers_with_exit_code_0(
    start: Start, number: signal.Signals
) -> None:
    child = start(web=WITH_WORKER, bookings=WITH_WORKER)
    family = pids(read_until(child, "web      | pids", "bookings | pids"))
    child.send_signal(number)
    rest, _ = child.communicate()
    assert child.returncode == 0
    assert "Traceback" not in rest
    assert all_gone(family)


def test_no_program_outlives_a_supervisor_that_was_killed(start: Start) -> None:
    child = start(web=WITH_WORKER, bookings=WITH_WORKER)
    family = pids(read_until(child, "web      | pids", "bookings | pids"))
    child.kill()
    assert all_gone(family)


def test_one_program_that_ends_ends_the_rest_and_is_named_last(start: Start) -> None:
    child = start(web=WITH_WORKER, bookings=SHORT_LIVED)
    text, _ = child.communicate()
    assert child.returncode == 1
    assert "bookings | my port is gone" in text
    assert text.splitlines()[-1].startswith("bookings ended by itself (exit code 3)")
    assert all_gone(pids(text))


def test_a_program_that_was_killed_is_said_to_have_been(start: Start) -> None:
    child = start(web=KILLED)
    text, _ = child.communicate()
    assert "web ended by itself (signal SIGKILL)" in text


def test_a_program_that_is_to_restart_is_and_the_others_go_on(start: Start) -> None:
    child = start(restart=True, web=WITH_WORKER, bookings=WITH_WORKER)
    text = read_until(child, "web      | pids", "bookings | pids", "all are there")
    web = next(line for line in text.splitlines() if line.startswith("web"))
    os.kill(pids(web)[0], signal.SIGKILL)
    text += read_until(child, "web ended by itself (signal SIGKILL)", "web      | pids")
    child.send_signal(signal.SIGINT)
    rest, _ = child.communicate()
    assert child.returncode == 0
    assert "bookings ended" not in text + rest
    os.kill(pids(web)[1], signal.SIGKILL)  # its worker, whom nobody led any more
    assert all_gone(pids(text))


def test_a_program_that_ends_again_and_again_ends_all(start: Start) -> None:
    child = start(restart=True, web=WITH_WORKER, bookings=KILLED)
    text, _ = child.communicate(timeout=60)
    assert child.returncode == 1
    assert text.count("and is started again") == 3
    assert text.splitlines()[-1].startswith("bookings ended by itself (signal SIGKILL), and so")
    assert all_gone(pids(text))


def test_a_program_that_will_not_end_is_killed_when_its_time_is_up(start: Start) -> None:
    child = start(grace=0.3, web=STUBBORN)
    family = pids(read_until(child, "web | pids"))
    child.send_signal(signal.SIGTERM)
    child.communicate()
    assert child.returncode == 0
    assert all_gone(family)


def test_a_second_ctrl_c_does_not_wait(start: Start) -> None:
    child = start(grace=600, web=STUBBORN)
    family = pids(read_until(child, "web | pids", "all are there"))
    child.send_signal(signal.SIGINT)
    read_until(child, "web | asked to end")
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=60)
    assert child.returncode == 0
    assert all_gone(family)


def test_the_end_comes_even_when_nobody_can_read_the_lines_any_more(start: Start) -> None:
    child = start(web="import time\nwhile True: print('x' * 1000); time.sleep(0.01)")
    read_until(child, "x")
    assert child.stdout is not None
    child.stdout.close()
    child.send_signal(signal.SIGHUP)
    assert child.wait() == 0


# A process of its own opens the terminal: one patched by gevent would keep it from being closed.
TERMINAL = """
import os, pty, subprocess, sys
ours, theirs = pty.openpty()
child = subprocess.Popen(sys.argv[1:], stdout=theirs, stderr=theirs)
os.close(theirs)
text = ""
while "all are there" not in text or "pids" not in text:
    text += os.read(ours, 4096).decode()
os.close(ours)
print(text, "code", child.wait())
"""


def test_a_terminal_shows_the_names_in_colour_and_ends_everything_when_it_closes() -> None:
    command = [sys.executable, "-c", supervising({"web": WITH_WORKER}, 5.0)]
    seen = subprocess.run(
        [sys.executable, "-c", TERMINAL, *command], cwd=ROOT, capture_output=True, text=True
    ).stdout
    assert "\033[36mweb | \033[0mpids" in seen
    assert seen.endswith("code 0\n")
    assert all_gone(pids(seen))
