"""Work in a greenlet of its own: the same result, the same errors, no longer than its caller."""

from __future__ import annotations

import gevent
import pytest

from app.greenlets import run_in_greenlet


def test_the_result_is_returned() -> None:
    def add(one: int, *, other: int) -> int:
        return one + other

    assert run_in_greenlet(add, 1, other=2) == 3
    assert run_in_greenlet(lambda: None) is None


def test_an_error_is_raised() -> None:
    def fail() -> None:
        raise KeyError("no such thing")

    with pytest.raises(KeyError, match="no such thing"):
        run_in_greenlet(fail)


def test_the_work_has_a_greenlet_of_its_own() -> None:
    assert run_in_greenlet(gevent.getcurrent) is not gevent.getcurrent()


def test_the_work_ends_with_its_caller() -> None:
    ended = []

    def wait() -> None:
        try:
            gevent.sleep(60)
        finally:
            ended.append(True)

    caller = gevent.spawn(run_in_greenlet, wait)
    gevent.sleep(0.01)
    caller.kill()
    assert ended == [True]


class Opened:
    closed = False

    def close(self) -> None:
        self.closed = True


def test_a_result_that_comes_too_late_is_closed() -> None:
    opened: list[Opened] = []

    def open_it() -> Opened:
        opened.append(Opened())
        caller.kill(block=False)
        return opened[0]

    caller = gevent.spawn(run_in_greenlet, open_it)
    caller.join()
    assert isinstance(caller.value, gevent.GreenletExit)
    assert opened[0].closed


def test_a_timeout_of_the_caller_ends_the_work() -> None:
    with pytest.raises(gevent.Timeout), gevent.Timeout(0.01):
        run_in_greenlet(gevent.sleep, 60)
