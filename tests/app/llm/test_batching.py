"""How often an answer is looked at."""

from __future__ import annotations

import gevent
import pytest

from app.llm.batching import BatchInterval


def test_looks_at_many_answers_fall_together() -> None:
    pace = BatchInterval(0.05, 0.4)
    dues: list[list[float]] = []

    def look(begin: float) -> None:
        gevent.sleep(begin)
        due = pace.now()
        dues.append([due := pace.wait(due) for _ in range(3)])

    gevent.joinall([gevent.spawn(look, number * 0.003) for number in range(12)])
    hundredths = [due * 100 for each in dues for due in each]
    assert len(hundredths) == 36
    assert hundredths == pytest.approx([round(each) for each in hundredths], rel=0, abs=1e-3)
    for first, second, third in dues:
        assert [second - first, third - second] == pytest.approx([0.05, 0.05], abs=1e-3)


def test_a_look_that_is_due_already_is_not_waited_for() -> None:
    pace = BatchInterval(0.05, 0.4)
    assert pace.wait(pace.now() - 1) == pace.now()
    assert BatchInterval(0, 0).wait(5.0) == pace.now()


def test_a_clock_that_was_set_back_keeps_nobody_waiting() -> None:
    pace = BatchInterval(0.02, 0.04)
    with gevent.Timeout(5):
        assert pace.wait(pace.now() + 3600) <= pace.now() + 0.05


def test_it_slackens_as_there_are_more_answers_and_comes_back() -> None:
    pace = BatchInterval(0.08, 0.4)
    intervals = []
    for pace.answers in (0, 100, 300, 1_000, 300, 0):
        intervals.append(pace.interval)
    assert intervals == pytest.approx([0.08, 0.08, 0.2, 0.4, 0.2, 0.08])
