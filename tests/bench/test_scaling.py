"""The simulation for docs/scaling.md agrees with the measurements."""

from __future__ import annotations

import pytest

from bench.results import load
from bench.scaling import Costs, compare, simulate

CHEAP = Costs(question=0.005, read=0.0001, token=0.00001)


def test_it_reproduces_the_measured_loads() -> None:
    rows = compare(load())
    assert len(rows) >= 5
    for name, measured, simulated in rows:
        assert simulated.cpu == pytest.approx(measured.cpu, rel=0.35), name
        assert simulated.busy == pytest.approx(measured.busy, rel=0.35), name
        assert simulated.p50 == pytest.approx(measured.p50, rel=0.1), name
        assert simulated.p99 == pytest.approx(measured.p99, rel=0.2), name


def test_a_load_that_fits_ends_in_time_and_one_that_does_not_is_late() -> None:
    assert simulate(CHEAP, 50, 200).p99 < 1.1
    dear = Costs(question=0.2, read=0.01, token=0.001)
    assert simulate(dear, 50, 200).p50 > 1.5


def test_under_load_answers_are_read_less_often() -> None:
    assert simulate(CHEAP, 800, 600).reads < simulate(CHEAP, 50, 600).reads * 0.8
