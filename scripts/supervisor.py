"""Several programs run as one: their lines in one output, and one end for all of them.

Each program leads a process group of its own, so that ending it ends its workers too, and so that
the terminal's Ctrl-C and hang-up reach this process alone, which then ends the rest in order.
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

GRACE_SECONDS = 8.0
_TICK_SECONDS = 0.1
_RESTART_SECONDS = 0.5
_SOON_SECONDS = 5.0
_MOST_TRIES = 4
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_COLOURS = (36, 33, 32, 35, 34)


@dataclass(frozen=True)
class Program:
    """What to start, and the name that stands before each of its lines. One that is to `restart`
    is started again when it ends by itself, unless it does so again and again."""

    name: str
    command: tuple[str, ...]
    restart: bool = False


@dataclass(frozen=True)
class _Running:
    program: Program
    label: bytes
    child: subprocess.Popen[bytes]
    reader: threading.Thread
    tries: int
    """How often it was started in a row, and ended soon."""
    started_at: float = field(default_factory=time.monotonic)

    @property
    def ended(self) -> bool:
        return self.child.poll() is not None

    @property
    def next_try(self) -> int | None:
        """None when it is not to be started again."""
        if not self.program.restart:
            return None
        tries = self.tries + 1 if time.monotonic() - self.started_at < _SOON_SECONDS else 1
        return tries if tries <= _MOST_TRIES else None


# A line to print, or the signal that asks for the end.
_Events = queue.SimpleQueue[bytes | signal.Signals]


def run(
    programs: Sequence[Program],
    env: Mapping[str, str],
    ready: Callable[[], str],
    grace: float = GRACE_SECONDS,
) -> int:
    """Run `programs` until a signal asks for the end (0) or one of them ends by itself (1) that is
    not to restart.

    `ready` runs in a thread of its own once all are started; what it returns is printed. When this
    returns no program and no worker of one is left: what is still there `grace` seconds after it
    was asked to end is killed, and a second Ctrl-C kills at once.
    """
    events: _Events = queue.SimpleQueue()
    running: list[_Running] = []
    with _stop_signals(events):
        try:
            _start(programs, env, events, running)
            threading.Thread(target=lambda: events.put(ready().encode()), daemon=True).start()
            first = _relay(events, running, env)
        finally:
            _stop(events, running, grace)
    if first is None:
        return 0
    _write(f"{_ending(first)}, and so everything was stopped.".encode())
    return 1


@contextmanager
def _stop_signals(events: _Events) -> Iterator[None]:
    def ask(number: int, _frame: FrameType | None) -> None:
        # SimpleQueue.put is the one that may be called while the same queue is being read.
        events.put(signal.Signals(number))

    before = {number: signal.signal(number, ask) for number in _STOP_SIGNALS}
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
    child = subprocess.Popen(  # noqa: S603
        program.command,
        env={**env, "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
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
    """Print lines until the end: the program that ended by itself, or None when it was asked for.

    A terminal that closes asks for it too.
    """
    on_terminal = sys.stdout.isatty()
    while True:
        with suppress(queue.Empty):
            event = events.get(timeout=_TICK_SECONDS)
            if isinstance(event, signal.Signals):
                return None
            _write(event)
        # Its hang-up signal goes to the first program in it alone, and make does not pass it on.
        if on_terminal and not sys.stdout.isatty():
            return None
        for index, each in enumerate(running):
            if not each.ended:
                continue
            if (tries := each.next_try) is None:
                return each
            _write(f"{_ending(each)}, and is started again.".encode())
            # What it leaves behind may need a moment to go, a port or a lock.
            time.sleep(_RESTART_SECONDS)
            running[index] = _launch(each.program, each.label, env, events, tries)


def _stop(events: _Events, running: Sequence[_Running], grace: float) -> None:
    _signal_all(running, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while any(not each.ended or each.reader.is_alive() for each in running):
        if time.monotonic() > deadline or _hurried(events):
            break
    _signal_all(running, signal.SIGKILL)
    for each in running:
        each.child.wait()
        each.reader.join(timeout=1)
    _drain(events)


def _hurried(events: _Events) -> bool:
    """Print one line if there is one; true for Ctrl-C (make passes a SIGTERM on a second time)."""
    try:
        event = events.get(timeout=_TICK_SECONDS)
    except queue.Empty:
        return False
    if isinstance(event, bytes):
        _write(event)
    return event == signal.SIGINT


def _drain(events: _Events) -> None:
    with suppress(queue.Empty):
        while True:
            event = events.get_nowait()
            if isinstance(event, bytes):
                _write(event)


def _signal_all(running: Sequence[_Running], number: signal.Signals) -> None:
    for each in running:
        # Nobody left in the group; macOS says "not permitted" when only an unreaped one is.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(each.child.pid, number)


def _ending(running: _Running) -> str:
    code = running.child.returncode
    how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    return f"{running.program.name} ended by itself ({how})"


def _write(line: bytes) -> None:
    # The terminal may be gone already (hang-up); that must not keep the rest from being ended.
    with suppress(OSError):
        sys.stdout.buffer.write(line + b"\n")
        sys.stdout.buffer.flush()
