"""Free ports, asked for by several processes at once."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack

from scripts import ROOT

ASK = """
from scripts.ports import free_port
print(*[free_port() for _ in range(250)], flush=True)
input()
"""


def test_processes_that_ask_at_the_same_time_get_different_ports() -> None:
    with ExitStack() as stack:
        running = [stack.enter_context(ask()) for _ in range(4)]
        answers = [process.stdout.readline().split() for process in running if process.stdout]
    ports = {int(port) for answer in answers for port in answer}
    assert len(ports) == 1000
    # Others are given to outgoing connections.
    assert all(port < 32_000 for port in ports)


def ask() -> subprocess.Popen[str]:
    """Start a process that asks, and that ends when its input is closed."""
    return subprocess.Popen(
        [sys.executable, "-c", ASK],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
