"""Calculates what many more streams need, for docs/scaling.md: python -m bench.scaling

A simulated worker is one processor with a queue: questions arrive, and it reads each answer at the
intervals of app/llm/batching.py. Its costs come from bench/results.json. The page compares the
simulation with the measured loads, and calculates larger loads from the same costs.
"""

from __future__ import annotations

import heapq
import itertools
import math
from dataclasses import dataclass

from app.llm.batching import BatchInterval
from bench.measure import percentile
from bench.report import DOCS, fill
from bench.results import (
    Results,
    Sample,
    cpu_per_1000,
    load,
    median_of,
    question_and_token_cost,
)

SHORTEST, LONGEST = 0.08, 0.4  # seconds; defaults of the settings
INTERVAL = 0.02  # seconds between two tokens
STREAMS_PER_WORKER = 500
WORKERS_PER_MACHINE = 6  # of eight processors; two are left for the proxy, TLS and the kernel
SHARD_LOAD = 0.5  # of one processor, for a shard of Redis
CONNECTIONS = 20  # to PostgreSQL, at most, for each worker

MEASURED = (
    ("streams", "html", 50, 200),
    ("streams", "html", 100, 200),
    ("streams", "html", 200, 200),
    ("streams", "html", 500, 600),
    ("streams", "html", 1000, 600),
    ("workers", "html-2-workers", 1000, 600),
)
"""Purpose, contender, streams and tokens of the loads that the simulation is compared with."""


@dataclass(frozen=True)
class Costs:
    """Seconds of CPU: for a question, for one read of an answer, and for a token in it."""

    question: float
    read: float
    token: float


@dataclass(frozen=True)
class LoadFigures:
    """What a load does to the workers.

    `cpu` is milliseconds for 1000 tokens, `busy` how much of a core all workers use together, `p50`
    and `p99` the time to complete divided by the ideal.
    """

    cpu: float
    busy: float
    p50: float
    p99: float


@dataclass(frozen=True)
class SimulatedFigures(LoadFigures):
    """The same, simulated; `reads` is for each answer."""

    reads: float


def costs_of(results: Results) -> Costs:
    """Calculate the costs.

    A question's cost comes from answers of two lengths. Those of a read and of a token come from
    two loads, one that reads often and one that reads seldom.
    """
    found = question_and_token_cost(results, "html")
    assert found is not None  # noqa: S101 - a complete run has it
    question, often_cost = found[0] / 1e3, found[1] / 1e6
    often = _reads(results, "fixed", 50) / 600
    seldom = _reads(results, "streams", 500) / 600
    at_500 = median_of(cpu_per_1000, results.of("streams", "html", 500)) or 0
    seldom_cost = at_500 / 1e6 - question / 600
    read = max((often_cost - seldom_cost) / (often - seldom), 0)
    return Costs(question, read, max(often_cost - read * often, 0))


def _reads(results: Results, purpose: str, streams: int) -> float:
    """How often an answer of 600 tokens was read and sent on."""
    samples = results.of(purpose, "html", streams, 600)
    return median_of(lambda sample: sample["reads"], samples) or math.nan


def simulate(costs: Costs, streams: int, tokens: int, workers: int = 1) -> SimulatedFigures:
    """Simulate streams, spread evenly over the workers; 100 questions a second arrive at each."""
    return _Worker(costs, streams // workers, tokens, max(1.0, streams / 100)).run(workers)


class _Worker:
    def __init__(self, costs: Costs, streams: int, tokens: int, ramp: float) -> None:
        self._costs = costs
        self._streams = streams
        self._tokens = tokens
        self._batching = BatchInterval(SHORTEST, LONGEST)
        self._order = itertools.count()
        # When it is due, a number to keep the order, which answer, and whether it has begun.
        self._due = [(ramp * n / streams, next(self._order), n, False) for n in range(streams)]
        heapq.heapify(self._due)
        self._asked_at = [ramp * n / streams for n in range(streams)]
        self._began_at = [0.0] * streams
        self._tokens_read = [0] * streams
        self._reads = 0
        self._durations: list[float] = []
        self._free_at = self._used = 0.0

    def run(self, workers: int) -> SimulatedFigures:
        while self._due:
            due, _, number, has_begun = heapq.heappop(self._due)
            now = max(due, self._free_at)
            if has_begun:
                self._read(now, number)
            else:
                self._begin(now, number)
        ideal = (self._tokens + 1) * INTERVAL
        return SimulatedFigures(
            cpu=self._used / (self._streams * self._tokens) * 1e6,
            busy=self._used / self._free_at * workers,
            p50=percentile(self._durations, 0.5) / ideal,
            p99=percentile(self._durations, 0.99) / ideal,
            reads=self._reads / self._streams,
        )

    def _begin(self, now: float, number: int) -> None:
        self._work(now, self._costs.question)
        self._began_at[number] = self._free_at
        self._batching.answers += 1
        self._schedule(number)

    def _read(self, now: float, number: int) -> None:
        arrived = min(int((now - self._began_at[number]) / INTERVAL), self._tokens)
        new, self._tokens_read[number] = arrived - self._tokens_read[number], arrived
        self._reads += 1
        self._work(now, self._costs.read + new * self._costs.token)
        if arrived < self._tokens:
            self._schedule(number)
        else:
            self._batching.answers -= 1
            self._durations.append(self._free_at - self._asked_at[number])

    def _schedule(self, number: int) -> None:
        pause = self._batching.interval if self._tokens_read[number] else INTERVAL
        heapq.heappush(self._due, (self._free_at + pause, next(self._order), number, True))

    def _work(self, now: float, seconds: float) -> None:
        self._free_at = now + seconds
        self._used += seconds


def compare(results: Results) -> list[tuple[str, LoadFigures, SimulatedFigures]]:
    """Return each measured load: its name, its measured figures and its simulated ones."""
    rows = []
    costs = costs_of(results)
    for purpose, contender, streams, tokens in MEASURED:
        measured = _measured(results.of(purpose, contender, streams, tokens))
        workers = 2 if purpose == "workers" else 1
        name = f"{streams:,}" + (", two workers" if workers == 2 else "")
        if measured is not None:
            rows.append((name, measured, simulate(costs, streams, tokens, workers)))
    return rows


def _measured(samples: list[Sample]) -> LoadFigures | None:
    """Return the figures of a measured load; None if answers were incomplete."""
    figures = (
        median_of(cpu_per_1000, samples),
        median_of(lambda sample: sample["cpu"] / sample["seconds"], samples),
        median_of(lambda sample: sample["completion"]["p50"], samples),
        median_of(lambda sample: sample["completion"]["p99"], samples),
    )
    return None if None in figures else LoadFigures(*figures)  # type: ignore[arg-type]


def check_table(results: Results) -> str:
    """Return the table that compares the simulation with the measurements."""
    lines = [
        "| streams | CPU ms per 1000 tokens: measured | simulated "
        "| of a core: measured | simulated "
        "| completion p50: measured | simulated | p99: measured | simulated |",
        f"|{'--:|' * 9}",
    ]
    for name, one, other in compare(results):
        lines.append(
            f"| {name} | {one.cpu:.0f} | {other.cpu:.0f} | {one.busy:.0%} | {other.busy:.0%} "
            f"| {one.p50:.2f} | {other.p50:.2f} | {one.p99:.2f} | {other.p99:.2f} |"
        )
    return "\n".join(lines)


def needs_table(results: Results) -> str:
    """Return the table of what so many open streams need, each of 50 tokens a second."""
    lines = [
        "| open streams | workers | machines of 8 processors | events to Redis, a second "
        "| shards of Redis | connections to PostgreSQL | transactions a second | to the readers |",
        f"|{'--:|' * 8}",
    ]
    lines += [_needs(results, streams) for streams in (10_000, 100_000, 1_000_000)]
    return "\n".join(lines)


def _needs(results: Results, streams: int) -> str:
    workers = math.ceil(streams / STREAMS_PER_WORKER)
    machines = math.ceil(workers / WORKERS_PER_MACHINE)
    seconds = 600 * INTERVAL
    events = streams * _reads(results, "streams", 500) / seconds
    shards = math.ceil(events * _event_cost(results) / SHARD_LOAD)
    # An answer of twelve seconds has three transactions of its own; a worker has one a second.
    transactions = streams / seconds * 3 + workers
    at_500 = results.of("streams", "html", 500)
    sent = median_of(lambda sample: sample["received"], at_500) or 0
    bits = streams * sent / seconds * 8 / 1e9
    return (
        f"| {streams:,} | {workers:,} | {machines:,} | {events:,.0f} | {shards:,} | "
        f"{workers * CONNECTIONS:,} | {transactions:,.0f} | {bits:.2f} Gbit/s |"
    )


def _event_cost(results: Results) -> float:
    """Seconds of CPU that an event costs Valkey."""
    samples = results.of("event-log", "html-valkey", 100)
    used = median_of(lambda sample: sample["engines"]["valkey_cpu"], samples) or 0
    events = median_of(lambda sample: sample["reads"] * sample["case"]["streams"], samples) or 1
    return used / events


def write() -> None:
    """Write the page's tables."""
    results = load()
    file = DOCS / "scaling.md"
    costs = costs_of(results)
    pieces = {
        "costs": f"A question costs {costs.question * 1e3:.1f} ms of CPU, a read of an answer "
        f"{costs.read * 1e6:.0f} µs, and each token in it {costs.token * 1e6:.0f} µs more. An "
        f"event costs Valkey {_event_cost(results) * 1e6:.0f} µs.",
        "check": check_table(results),
        "needs": needs_table(results),
    }
    file.write_text(fill(file.read_text(), pieces))


if __name__ == "__main__":
    write()
