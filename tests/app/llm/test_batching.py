"""The interval between two looks at one answer."""

from __future__ import annotations

import gevent
import pytest

from app.llm.batching import BatchInterval


def test_looks_at_many_answers_fall_on_common_ticks() -> None:
    interval = BatchInterval(0.25, 0.4)
    looks: list[list[float]] = []

    def look(begin: float) -> None:
        gevent.sleep(begin)
        due = interval.now()
        looks.append([due := interval.wait(due) for _ in range(3)])

    gevent.joinall([gevent.spawn(look, number * 0.003) for number in range(12)])
    hundredths = [due * 100 for each in looks for due in each]
    assert len(hundredths) == 36
    assert hundredths == pytest.approx([round(each) for each in hundredths], rel=0, abs=1e-3)
    for first, second, third in looks:
        assert [second - first, third - second] == pytest.approx([0.25, 0.25], abs=1e-3)


def test_a_look_that_is_overdue_happens_at_once() -> None:
    interval = BatchInterval(0.05, 0.4)
    assert interval.wait(interval.now() - 1) == interval.now()
    assert BatchInterval(0, 0).wait(5.0) == interval.now()


def test_a_clock_that_was_set_back_delays_no_look() -> None:
    interval = BatchInterval(0.02, 0.04)
    with gevent.Timeout(5):
        assert interval.wait(interval.now() + 3600) <= interval.now() + 0.05


def test_the_interval_grows_with_the_number_of_answers_and_shrinks_again() -> None:
    interval = BatchInterval(0.08, 0.4)
    seconds = []
    for interval.answers in (0, 100, 300, 1_000, 300, 0):
        seconds.append(interval.interval)
    assert seconds == pytest.approx([0.08, 0.08, 0.2, 0.4, 0.2, 0.08])
