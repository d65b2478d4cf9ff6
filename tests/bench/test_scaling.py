"""The simulation behind docs/scaling.md: that it says of what was measured what was measured."""

from __future__ import annotations

import pytest

from bench.report import load
from bench.scaling import Costs, compared, simulate

CHEAP = Costs(question=0.005, look=0.0001, token=0.00001)


def test_it_reproduces_what_was_measured() -> None:
    rows = compared(load())
    assert len(rows) >= 5
    for name, measured, said in rows:
        assert said.cpu == pytest.approx(measured.cpu, rel=0.35), name
        assert said.busy == pytest.approx(measured.busy, rel=0.35), name
        assert said.p50 == pytest.approx(measured.p50, rel=0.1), name
        assert said.p99 == pytest.approx(measured.p99, rel=0.2), name


def test_a_load_that_fits_ends_in_time_and_one_that_does_not_is_late() -> None:
    assert simulate(CHEAP, 50, 200).p99 < 1.1
    dear = Costs(question=0.2, look=0.01, token=0.001)
    assert simulate(dear, 50, 200).p50 > 1.5


def test_under_load_answers_are_looked_at_less_often() -> None:
    assert simulate(CHEAP, 800, 600).looks < simulate(CHEAP, 50, 600).looks * 0.8
