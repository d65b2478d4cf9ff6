"""The event log in memory: order, tails, and what a reader who comes late gets."""

from __future__ import annotations

import gevent
import pytest

from app.event_log import Entry, MemoryLog
from app.events import Content, Done, Event, RunStarted

DONE = Done("completed", "m1")


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog()


def test_entries_are_numbered_from_one_in_order(log: MemoryLog) -> None:
    assert log.append("r", [RunStarted("r", "c"), Content("a")]) == 2
    assert log.append("r", [Content("b")]) == 3
    assert log.read("r", 0, 0) == [
        Entry(1, RunStarted("r", "c")),
        Entry(2, Content("a")),
        Entry(3, Content("b")),
    ]


def test_a_reader_gets_exactly_what_follows_its_place(log: MemoryLog) -> None:
    log.append("r", [Content("a"), Content("b"), Content("c")])
    assert log.read("r", 2, 0) == [Entry(3, Content("c"))]


def test_a_reader_at_the_end_is_woken_by_the_next_event(log: MemoryLog) -> None:
    log.append("r", [Content("a")])
    reader = gevent.spawn(log.read, "r", 1, 10)
    gevent.sleep(0)
    assert not reader.dead
    log.append("r", [Content("b")])
    assert reader.get(timeout=5) == [Entry(2, Content("b"))]


def test_silence_is_an_empty_answer(log: MemoryLog) -> None:
    log.append("r", [Content("a")])
    assert log.read("r", 1, 0.01) == []


def test_all_readers_get_every_event(log: MemoryLog) -> None:
    def follow() -> list[Event]:
        seen: list[Event] = []
        while DONE not in seen:
            seen += [entry.event for entry in log.read("r", len(seen), 5) or []]
        return seen

    log.append("r", [Content("0")])
    readers = [gevent.spawn(follow) for _ in range(20)]
    for number in range(1, 50):
        log.append("r", [Content(str(number))])
        gevent.sleep(0)
    log.append("r", [DONE])
    expected = [*(Content(str(number)) for number in range(50)), DONE]
    assert [reader.get(timeout=5) for reader in readers] == [expected] * 20


def test_nothing_comes_after_done(log: MemoryLog) -> None:
    log.append("r", [DONE])
    assert log.append("r", [Content("late")]) == 1
    assert log.read("r", 0, 0) == [Entry(1, DONE)]


@pytest.mark.parametrize("after", [1, 2, 3, 999_999])
def test_a_reader_who_has_it_all_is_given_done_again_and_not_silence(
    log: MemoryLog, after: int
) -> None:
    log.append("r", [Content("a"), DONE])
    assert log.read("r", after, 5) == [Entry(2, DONE)]


def test_a_place_that_never_was_is_taken_as_the_end_so_far(log: MemoryLog) -> None:
    log.append("r", [Content("a")])
    assert log.read("r", 99, 0) == []
    reader = gevent.spawn(log.read, "r", 99, 10)
    gevent.sleep(0)
    log.append("r", [Content("b")])
    log.append("r", [DONE])
    assert reader.get(timeout=5)


def test_an_unknown_run_is_none_rather_than_silence(log: MemoryLog) -> None:
    assert log.read("nobody", 0, 5) is None


def test_a_finished_run_is_dropped_in_time_and_a_live_one_never() -> None:
    log = MemoryLog(keep=0)
    log.append("old", [Content("a"), DONE])
    log.append("live", [Content("a")])
    gevent.sleep(0.01)
    log.append("new", [Content("a")])
    assert log.read("old", 0, 0) is None
    assert log.read("live", 0, 0) == [Entry(1, Content("a"))]
