"""What many more streams need, from what was measured: python -m bench.scaling

A worker is one server with a queue: questions come, each takes its time, and every answer is looked
at at the pace that `app.pace` sets. The costs are those of bench/results.json. What the simulation
says of the loads that were measured stands beside what was measured; from the same costs come the
numbers for loads that no machine here can carry.
"""

from __future__ import annotations

import heapq
import itertools
import math
from dataclasses import dataclass

from app.llm.batching import BatchInterval
from bench.measure import percentile
from bench.report import DOCS, Results, Sample, cpu_per_1000, fill, load, parts

SHORTEST, LONGEST = 0.08, 0.4  # seconds, as the settings have them
INTERVAL = 0.02  # seconds between two tokens
STREAMS_PER_WORKER = 500
WORKERS_PER_MACHINE = 6  # of eight processors; two are left for the proxy, TLS and the kernel
SHARD_SHARE = 0.5  # how busy a shard of Redis may be
CONNECTIONS = 20  # to PostgreSQL, at most, for each worker


@dataclass(frozen=True)
class Costs:
    """CPU in seconds: of a question, of a look at an answer, and of a token."""

    question: float
    look: float
    token: float


@dataclass(frozen=True)
class Load:
    """`cpu` in milliseconds for 1000 tokens; `busy`, how much of a core the workers together use;
    completion over what an answer takes at best."""

    cpu: float
    busy: float
    p50: float
    p99: float


@dataclass(frozen=True)
class Predicted(Load):
    """`looks` at each answer."""

    looks: float


def costs(results: Results) -> Costs:
    """By answers of two lengths what a question costs; by two loads, one of which is looked at
    often and the other seldom, what a look does and what a token."""
    found = parts(results, "html")
    assert found is not None  # noqa: S101 - a whole run has it
    question, busy = found[0] / 1e3, found[1] / 1e6
    often = _looks(results, "fixed", 50) / 600
    seldom = _looks(results, "streams", 500) / 600
    at_500 = results.middle(cpu_per_1000, results.of("streams", "html", 500)) or 0
    idle = at_500 / 1e6 - question / 600
    look = max((busy - idle) / (often - seldom), 0)
    return Costs(question, look, max(busy - look * often, 0))


def _looks(results: Results, purpose: str, streams: int) -> float:
    """How often an answer of 600 tokens was sent on."""
    samples = results.of(purpose, "html", streams, 600)
    return results.middle(lambda one: one["reads"], samples) or math.nan


def simulate(costs: Costs, streams: int, tokens: int, workers: int = 1) -> Predicted:
    """So many streams, spread evenly over the workers, whose questions come 100 a second."""
    return _Worker(costs, streams // workers, tokens, max(1.0, streams / 100)).run(workers)


class _Worker:
    def __init__(self, costs: Costs, streams: int, tokens: int, ramp: float) -> None:
        self._costs = costs
        self._streams = streams
        self._tokens = tokens
        self._pace = BatchInterval(SHORTEST, LONGEST)
        self._order = itertools.count()
        # (when it is due, its order, which answer; None for one that is yet to be asked for)
        self._due = [(ramp * n / streams, next(self._order), n, False) for n in range(streams)]
        heapq.heapify(self._due)
        self._asked = [ramp * n / streams for n in range(streams)]
        self._began = [0.0] * streams
        self._read = [0] * streams
        self._looks = 0
        self._took: list[float] = []
        self._free = self._used = 0.0

    def run(self, workers: int) -> Predicted:
        while self._due:
            due, _, number, began = heapq.heappop(self._due)
            now = max(due, self._free)
            if began:
                self._look(now, number)
            else:
                self._work(now, self._costs.question)
                self._began[number] = self._free
                self._pace.answers += 1
                self._wait(number)
        ideal = (self._tokens + 1) * INTERVAL
        return Predicted(
            cpu=self._used / (self._streams * self._tokens) * 1e6,
            busy=self._used / self._free * workers,
            p50=percentile(self._took, 0.5) / ideal,
            p99=percentile(self._took, 0.99) / ideal,
            looks=self._looks / self._streams,
        )

    def _look(self, now: float, number: int) -> None:
        there = min(int((now - self._began[number]) / INTERVAL), self._tokens)
        new, self._read[number] = there - self._read[number], there
        self._looks += 1
        self._work(now, self._costs.look + new * self._costs.token)
        if there < self._tokens:
            self._wait(number)
        else:
            self._pace.answers -= 1
            self._took.append(self._free - self._asked[number])

    def _wait(self, number: int) -> None:
        due = self._free + (self._pace.interval if self._read[number] else INTERVAL)
        heapq.heappush(self._due, (due, next(self._order), number, True))

    def _work(self, now: float, seconds: float) -> None:
        self._free = now + seconds
        self._used += seconds


MEASURED = (
    ("streams", "html", 50, 200),
    ("streams", "html", 100, 200),
    ("streams", "html", 200, 200),
    ("streams", "html", 500, 600),
    ("streams", "html", 1000, 600),
    ("workers", "html-2-workers", 1000, 600),
)


def compared(results: Results) -> list[tuple[str, Load, Predicted]]:
    """Each measured load: its name, what was measured, and what is predicted."""
    rows = []
    known = costs(results)
    for purpose, contender, streams, tokens in MEASURED:
        samples = results.of(purpose, contender, streams, tokens)
        measured = _load(results, samples)
        workers = 2 if purpose == "workers" else 1
        name = f"{streams:,}" + (", two workers" if workers == 2 else "")
        if measured is not None:
            rows.append((name, measured, simulate(known, streams, tokens, workers)))
    return rows


def _load(results: Results, samples: list[Sample]) -> Load | None:
    """None where not every answer was complete."""
    figures = (
        results.middle(cpu_per_1000, samples),
        results.middle(lambda one: one["cpu"] / one["seconds"], samples),
        results.middle(lambda one: one["completion"]["p50"], samples),
        results.middle(lambda one: one["completion"]["p99"], samples),
    )
    return None if None in figures else Load(*figures)  # type: ignore[arg-type]


def check_table(results: Results) -> str:
    lines = [
        "| streams | CPU ms per 1000 tokens: measured | simulated "
        "| of a core: measured | simulated "
        "| completion p50: measured | simulated | p99: measured | simulated |",
        f"|{'--:|' * 9}",
    ]
    for name, one, other in compared(results):
        lines.append(
            f"| {name} | {one.cpu:.0f} | {other.cpu:.0f} | {one.busy:.0%} | {other.busy:.0%} "
            f"| {one.p50:.2f} | {other.p50:.2f} | {one.p99:.2f} | {other.p99:.2f} |"
        )
    return "\n".join(lines)


def needs_table(results: Results) -> str:
    """What so many open streams need, each of 50 tokens a second."""
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
    events = streams * _looks(results, "streams", 500) / seconds
    shards = math.ceil(events * _event_seconds(results) / SHARD_SHARE)
    # An answer of twelve seconds: three transactions of its own, and one a second for each worker.
    transactions = streams / seconds * 3 + workers
    sent = results.middle(lambda one: one["received"], results.of("streams", "html", 500)) or 0
    bits = streams * sent / seconds * 8 / 1e9
    return (
        f"| {streams:,} | {workers:,} | {machines:,} | {events:,.0f} | {shards:,} | "
        f"{workers * CONNECTIONS:,} | {transactions:,.0f} | {bits:.2f} Gbit/s |"
    )


def _event_seconds(results: Results) -> float:
    """What an event costs Valkey, by what it used while it carried so many."""
    samples = results.of("event-log", "html-valkey", 100)
    used = results.middle(lambda one: one["engines"]["valkey_cpu"], samples) or 0
    events = results.middle(lambda one: one["reads"] * one["case"]["streams"], samples) or 1
    return used / events


def write() -> None:
    results = load()
    file = DOCS / "scaling.md"
    known = costs(results)
    pieces = {
        "costs": f"A question costs {known.question * 1e3:.1f} ms of CPU, a read of an answer "
        f"{known.look * 1e6:.0f} µs, and each token in it {known.token * 1e6:.0f} µs more. An "
        f"event costs Valkey {_event_seconds(results) * 1e6:.0f} µs.",
        "check": check_table(results),
        "needs": needs_table(results),
    }
    file.write_text(fill(file.read_text(), pieces))


if __name__ == "__main__":
    write()
