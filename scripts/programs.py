"""Run several programs as one: their lines in one output, and one end for all of them.

Each program leads a process group of its own, so that ending it ends its workers too. The
terminal's Ctrl-C and hang-up reach this process alone, which then ends the programs.
"""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType
from typing import IO

from scripts import ROOT
from scripts.child_processes import start

GRACE_SECONDS = 8.0
_TICK_SECONDS = 0.1
_RESTART_SECONDS = 0.5
_SOON_SECONDS = 5.0
_MAX_TRIES = 4
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_COLOURS = (36, 33, 32, 35, 34)


@dataclass(frozen=True)
class Program:
    """A command, and the name to show before each line it prints.

    With `restart`, it is started again when it ends, unless it keeps ending at once.
    """

    name: str
    command: tuple[str, ...]
    restart: bool = False


@dataclass(frozen=True)
class _Running:
    """A started program."""

    program: Program
    label: bytes
    child: subprocess.Popen[bytes]
    reader: threading.Thread
    tries: int
    """Number of starts in a row that soon ended, this one included."""
    started_at: float = field(default_factory=time.monotonic)

    @property
    def ended(self) -> bool:
        return self.child.poll() is not None

    @property
    def next_try(self) -> int | None:
        """Value of `tries` for the next start; None if there is none."""
        if not self.program.restart:
            return None
        tries = self.tries + 1 if time.monotonic() - self.started_at < _SOON_SECONDS else 1
        return tries if tries <= _MAX_TRIES else None


# Lines to print, and signals that ask for the end.
_Events = queue.SimpleQueue[bytes | signal.Signals]


def program_env() -> dict[str, str]:
    """Return this environment, with the checkout's modules on the path from any folder."""
    paths = filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def run_programs(
    programs: Sequence[Program],
    env: Mapping[str, str],
    ready: Callable[[], str],
    grace: float = GRACE_SECONDS,
) -> int:
    """Run `programs` until a signal (returns 0) or the end of one of them (returns 1).

    `ready` is called in another thread once all have been started, and its result is printed.
    At the end, programs have `grace` seconds to stop before they are killed; a second Ctrl-C kills
    them at once. No program and no worker of one is left when this returns.
    """
    events: _Events = queue.SimpleQueue()
    running: list[_Running] = []
    with _stop_signals(events):
        try:
            _start(programs, env, events, running)
            threading.Thread(target=lambda: events.put(ready().encode()), daemon=True).start()
            ended = _relay(events, running, env)
        finally:
            _stop(events, running, grace)
    if ended is None:
        return 0
    _write(f"{_describe_end(ended)}, and so everything was stopped.".encode())
    return 1


@contextmanager
def _stop_signals(events: _Events) -> Iterator[None]:
    def handle(number: int, _frame: FrameType | None) -> None:
        # Unlike Queue.put, SimpleQueue.put may interrupt a read of the same queue.
        events.put(signal.Signals(number))

    before = {number: signal.signal(number, handle) for number in _STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _start(
    programs: Sequence[Program], env: Mapping[str, str], events: _Events, running: list[_Running]
) -> None:
    width = max(len(program.name) for program in programs)
    for index, program in enumerate(programs):
        label = _label(program.name.ljust(width), _COLOURS[index % len(_COLOURS)])
        running.append(_launch(program, label, env, events))


def _launch(
    program: Program, label: bytes, env: Mapping[str, str], events: _Events, tries: int = 1
) -> _Running:
    child = start(
        program.command,
        env={**env, "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert child.stdout is not None  # noqa: S101
    reader = threading.Thread(target=_read, args=(label, child.stdout, events), daemon=True)
    reader.start()
    return _Running(program, label, child, reader, tries)


def _label(name: str, colour: int) -> bytes:
    plain = f"{name} | "
    return (f"\033[{colour}m{plain}\033[0m" if sys.stdout.isatty() else plain).encode()


def _read(label: bytes, output: IO[bytes], events: _Events) -> None:
    with output:
        for line in output:
            events.put(label + line.rstrip(b"\r\n"))


def _relay(events: _Events, running: list[_Running], env: Mapping[str, str]) -> _Running | None:
    """Print lines until a program ends for good, and return it; None after a stop signal."""
    on_terminal = sys.stdout.isatty()
    while True:
        with suppress(queue.Empty):
            event = events.get(timeout=_TICK_SECONDS)
            if isinstance(event, signal.Signals):
                return None
            _write(event)
        # A closed terminal sends SIGHUP to make alone, and make doesn't pass it on.
        if on_terminal and not sys.stdout.isatty():
            return None
        for index, each in enumerate(running):
            if not each.ended:
                continue
            if (tries := each.next_try) is None:
                return each
            _write(f"{_describe_end(each)}, and is started again.".encode())
            # Its port or lock may need a moment to be free again.
            time.sleep(_RESTART_SECONDS)
            running[index] = _launch(each.program, each.label, env, events, tries)


def _stop(events: _Events, running: Sequence[_Running], grace: float) -> None:
    _signal_all(running, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while any(not each.ended or each.reader.is_alive() for each in running):
        if time.monotonic() > deadline or _is_hurried(events):
            break
    _signal_all(running, signal.SIGKILL)
    for each in running:
        each.child.wait()
        each.reader.join(timeout=1)
    _print_rest(events)


def _is_hurried(events: _Events) -> bool:
    """Print a line if there is one; return true for Ctrl-C (make repeats a SIGTERM)."""
    try:
        event = events.get(timeout=_TICK_SECONDS)
    except queue.Empty:
        return False
    if isinstance(event, bytes):
        _write(event)
    return event == signal.SIGINT


def _print_rest(events: _Events) -> None:
    with suppress(queue.Empty):
        while True:
            event = events.get_nowait()
            if isinstance(event, bytes):
                _write(event)


def _signal_all(running: Sequence[_Running], number: signal.Signals) -> None:
    for each in running:
        # The group may be empty; macOS denies the signal when only a zombie is left in it.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(each.child.pid, number)


def _describe_end(running: _Running) -> str:
    code = running.child.returncode
    how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    return f"{running.program.name} ended by itself ({how})"


def _write(line: bytes) -> None:
    # A closed terminal can't be written to; that must not stop the rest from being ended.
    with suppress(OSError):
        sys.stdout.buffer.write(line + b"\n")
        sys.stdout.buffer.flush()
