"""Figures are written as people read them."""

from __future__ import annotations

import pytest

from demo_model.figures import MISSING, counted, dollars, percent, plain, rate


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (dollars(825000), "$825,000"),
        (plain(1250), "1,250"),
        (plain(3.5), "3.5"),
        (plain(100), "100"),
        (rate(0.096), "9.6 %"),
        (rate(0.1), "10 %"),
        (percent(8.5, sign=True), "+8.5 %"),
        (percent(-2, sign=True), "-2 %"),
        (counted(1, "home"), "1 home"),
        (counted(1200, "home"), "1,200 homes"),
        (dollars(None) + plain(None) + rate(None), MISSING * 3),
    ],
)
def test_a_figure_reads_well(written: str, expected: str) -> None:
    assert written == expected
