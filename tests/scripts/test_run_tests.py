"""Lanes of commands side by side: all of them run, and any failure is the whole's."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from scripts.run_tests import Lane, side_by_side


def python(source: str) -> tuple[str, ...]:
    return (sys.executable, "-c", source)


def test_all_pass_when_each_command_passes(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert side_by_side([Lane("one", [python("print(1)")]), Lane("two", [python("print(2)")])])
    out = capfdbinary.readouterr().out
    assert b"one passed" in out
    assert b"two passed" in out


def test_what_comes_after_a_failure_runs_and_the_whole_has_failed(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    bad = Lane("bad", [python("raise SystemExit(3)"), python("print('afterwards')")])
    good = Lane("good", [python("print('beside it')")])
    assert not side_by_side([bad, good])
    out = capfdbinary.readouterr().out
    assert b"bad failed" in out
    assert b"afterwards" in out
    assert b"beside it" in out


def test_lanes_run_at_the_same_time(tmp_path: Path) -> None:
    """Each waits for the file that the other one makes."""
    wait = (
        "import pathlib, sys, time; own, other = map(pathlib.Path, sys.argv[1:]); own.touch(); "
        "end = time.monotonic() + 30\n"
        "while not other.exists(): time.sleep(0.02); assert time.monotonic() < end"
    )
    lanes = [
        Lane("a", [(*python(wait), f"{tmp_path}/a", f"{tmp_path}/b")]),
        Lane("b", [(*python(wait), f"{tmp_path}/b", f"{tmp_path}/a")]),
    ]
    assert side_by_side(lanes)


def test_what_a_command_prints_stays_in_one_piece(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    talk = "import time\nfor n in range(5): print(n, flush=True); time.sleep(0.05)"
    side_by_side([Lane("a", [python(talk)]), Lane("b", [python(talk)])])
    assert capfdbinary.readouterr().out.count(b"0\n1\n2\n3\n4\n") == 2
