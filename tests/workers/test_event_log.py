"""The event log, in memory and on Redis: order, following, and late readers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gevent
import pytest

from app.agent.events import Content, Done, Event, RunStarted, Thinking
from app.runs.event_log import ATTEMPT, Entry, EventLog, MemoryLog
from app.runs.redis_event_log import RedisLog, connect
from tests.support.engines import Engines
from tests.support.product import eventually

DONE = Done("completed", "m1")


@pytest.fixture(params=["memory", "redis"])
def log(request: pytest.FixtureRequest) -> EventLog:
    """The producer's own log, with run "r" under way."""
    if request.param == "memory":
        opened: EventLog = MemoryLog()
    else:
        opened = request.getfixturevalue("here")
    opened.open("r", 1)
    return opened


def on_redis(engines: Engines) -> Iterator[RedisLog]:
    url = engines.fresh()["redis_url"]
    opened = RedisLog(url, connect(url))
    opened.start()
    yield opened
    opened.stop()


@pytest.fixture
def here(real_engines: Engines) -> Iterator[RedisLog]:
    yield from on_redis(real_engines)


@pytest.fixture
def there(here: RedisLog, real_engines: Engines) -> Iterator[RedisLog]:
    """Another worker's log."""
    url = real_engines.valkey.url
    opened = RedisLog(url, connect(url))
    opened.start()
    yield opened
    opened.stop()


def test_entries_are_numbered_from_one_in_order(log: EventLog) -> None:
    assert log.append("r", [RunStarted("r", "c"), Content("a")]) == 2
    assert log.append("r", [Content("b")]) == 3
    assert log.read("r", 0, 0) == [
        Entry(1, RunStarted("r", "c")),
        Entry(2, Content("a")),
        Entry(3, Content("b")),
    ]


def test_a_reader_gets_what_follows_its_cursor(log: EventLog) -> None:
    log.append("r", [Content("a"), Content("b"), Content("c")])
    assert log.read("r", 2, 0) == [Entry(3, Content("c"))]


def test_a_reader_at_the_end_is_woken_by_the_next_event(log: EventLog) -> None:
    log.append("r", [Content("a")])
    reader = gevent.spawn(log.read, "r", 1, 10)
    gevent.sleep(0)
    assert not reader.dead
    log.append("r", [Content("b")])
    assert reader.get(timeout=60) == [Entry(2, Content("b"))]


def test_silence_is_an_empty_list(log: EventLog) -> None:
    log.append("r", [Content("a")])
    assert log.read("r", 1, 0.01) == []


def test_all_readers_get_every_event(log: EventLog) -> None:
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
    assert [reader.get(timeout=60) for reader in readers] == [expected] * 20


def test_nothing_comes_after_done(log: EventLog) -> None:
    log.append("r", [DONE])
    assert log.append("r", [Content("late")]) == 1
    assert log.read("r", 0, 0) == [Entry(1, DONE)]


@pytest.mark.parametrize("after", [1, 2, 3, 999_999])
def test_a_reader_who_has_everything_gets_done_again(log: EventLog, after: int) -> None:
    log.append("r", [Content("a"), DONE])
    assert log.read("r", after, 5) == [Entry(2, DONE)]


def test_a_cursor_beyond_the_end_waits_for_what_comes(log: EventLog) -> None:
    log.append("r", [Content("a")])
    assert log.read("r", 99, 0) == []
    reader = gevent.spawn(log.read, "r", 99, 10)
    gevent.sleep(0)
    log.append("r", [Content("b")])
    log.append("r", [DONE])
    assert reader.get(timeout=60)


def test_an_unknown_run_is_none(log: EventLog) -> None:
    assert log.read("nobody", 0, 5) is None


def test_a_suspended_run_keeps_its_readers_and_goes_on_with_the_next_attempt(
    log: EventLog,
) -> None:
    log.append("r", [Content("a"), Content("b")])
    log.suspend("r")
    reader = gevent.spawn(log.read, "r", 2, 10)
    gevent.sleep(0.1)
    assert not reader.dead
    log.open("r", 2)
    seq = log.append("r", [Content("c")])
    assert reader.get(timeout=60) == [Entry(seq, Content("c"))]


def test_readers_can_wait_for_a_run_that_was_stored_before_this_process_began(
    log: EventLog,
) -> None:
    log.follow("stored", 7)
    assert log.read("stored", 6, 10) is None
    assert log.read("stored", 7, 0.01) == []


def test_a_log_in_memory_keeps_nothing_of_a_suspended_run() -> None:
    log = MemoryLog()
    log.append("r", [Content("a"), Content("b")])
    log.suspend("r")
    assert log.read("r", 1, 10) is None
    assert log.text("r", 0) == ""


def test_only_ended_runs_are_dropped_after_a_time() -> None:
    log = MemoryLog(keep=0)
    log.append("old", [Content("a"), DONE])
    log.append("live", [Content("a")])
    gevent.sleep(0.01)
    log.append("new", [Content("a")])
    assert log.read("old", 0, 0) is None
    assert log.read("live", 0, 0) == [Entry(1, Content("a"))]


# Between workers


def read_all(log: EventLog, after: int = 0) -> list[Entry]:
    """As a reader does, until Done."""
    entries: list[Entry] = []
    while not entries or entries[-1].event != DONE:
        found = log.read("r", entries[-1].seq if entries else after, 5)
        assert found, f"after {entries}: {found}"
        entries += found
    return entries


def test_another_worker_reads_entries_as_they_come(here: RedisLog, there: RedisLog) -> None:
    here.open("r", 1)
    here.append("r", [Content("0")])
    eventually(lambda: there.read("r", 0, 0))
    reader = gevent.spawn(read_all, there)
    for number in range(1, 700):
        here.append("r", [Content(str(number))])
        gevent.sleep(0)
    here.append("r", [DONE])
    entries = reader.get(timeout=60)
    assert [entry.seq for entry in entries] == list(range(1, 702))
    assert [entry.event for entry in entries[:-1]] == [Content(str(n)) for n in range(700)]


def test_the_latest_of_two_attempts_counts(here: RedisLog, there: RedisLog) -> None:
    here.open("r", 1)
    here.append("r", [Content("old")])
    eventually(lambda: there.read("r", 0, 0))
    there.open("r", 2)
    there.append("r", [Content("new", replace=True)])
    eventually(lambda: there.up and count_second(there) == 1)
    here.append("r", [Content("too late")])
    there.append("r", [DONE])
    assert [entry.event for entry in read_all(there)] == [Content("new", replace=True), DONE]
    # The worker of the earlier attempt sends its own readers the same from now on.
    entries = eventually(lambda: [e for e in here.read("r", 2, 0.2) or [] if e.seq > ATTEMPT])
    assert entries[0].event == Content("new", replace=True)


def test_a_suspended_run_is_sent_whole_and_goes_on_at_another_worker(
    here: RedisLog, there: RedisLog
) -> None:
    here.open("r", 1)
    here.append("r", [Content("a")])
    here.append("r", [Content("b")])
    here.suspend("r")
    eventually(lambda: (there.read("r", 0, 0) or [])[-1:] == [Entry(2, Content("b"))])
    reader = gevent.spawn(here.read, "r", 2, 10)
    there.open("r", 2)
    seq = there.append("r", [Content("", replace=True), DONE])
    entries = reader.get(timeout=60)
    assert entries
    assert entries[-1] == Entry(seq, DONE)


def count_second(log: RedisLog) -> int:
    """How many entries of a second attempt at "r" are in Redis."""
    rows: Any = log._commands.xrange("hs:run:r")
    return sum(int(place.partition("-")[0]) > ATTEMPT for place, _ in rows)


def test_what_redis_lost_is_sent_again(here: RedisLog, there: RedisLog) -> None:
    here.open("r", 1)
    here.append("r", [Content("a"), Content("b")])
    eventually(lambda: there.read("r", 0, 0))
    here._commands.flushall()
    here.append("r", [Content("c")])
    here.append("r", [DONE])
    assert [entry.event for entry in read_all(there, 2)] == [Content("c"), DONE]


def test_a_log_is_bounded_and_expires(real_engines: Engines) -> None:
    url = real_engines.fresh()["redis_url"]
    log = RedisLog(url, connect(url), keep=7, live_keep=70, max_entries=100)
    log.start()
    with connect(url) as client:
        log.open("r", 1)
        log.append("r", [Content("x")] * 1000)
        eventually(lambda: client.exists("hs:run:r"))
        eventually(lambda: client.xinfo_stream("hs:run:r")["last-generated-id"] == "1000-0")
        assert client.xlen("hs:run:r") < 400
        assert 7 < client.ttl("hs:run:r") <= 70
        log.append("r", [DONE])
        eventually(lambda: 0 < client.ttl("hs:run:r") <= 7)
    log.stop()


def test_the_text_of_a_step_is_what_was_appended_since(log: EventLog) -> None:
    log.append("r", [RunStarted("r", "c"), Content("Fünf "), Content("words")])
    after = log.append("r", [Thinking("Calling find…")])
    assert log.text("r", after) == ""
    log.append("r", [Content("", replace=True), Content("😀 more"), Content(".")])
    assert log.text("r", after) == "😀 more."
    assert log.text("r", 0) == "Fünf words😀 more."
    assert log.text("unknown", 0) == ""
