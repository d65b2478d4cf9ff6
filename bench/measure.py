"""One measurement: a freshly started contender under so many streams of so many tokens."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.answer_check import Check, is_whole_html, is_whole_json
from bench.answer_text import answer_tokens
from bench.contenders import Contender, post
from bench.environment import RELAYS, Environment
from bench.readers import Reader, ReaderLoop

PATIENCE = 3
"""How many times the shortest possible time a contender may take."""
_SETTLE_SECONDS = 0.3  # for the work that is left after an answer's end


@dataclass(frozen=True)
class Case:
    """What to measure. Cases of one `purpose` belong together.

    `interval` is between two tokens and `ramp` is how long questions come, both in seconds.
    """

    purpose: str
    contender: str
    streams: int
    tokens: int
    interval: float
    ramp: float
    repetition: int = 0

    @property
    def ideal(self) -> float:
        """Seconds from the question to the end of the answer, if nothing but the model took any."""
        return (self.tokens + 1) * self.interval


@dataclass(frozen=True)
class Sample:
    """What a case measured. CPU in seconds, memory in bytes, times in milliseconds.

    `completion` is a multiple of the ideal time; `delivery` is from the upstream sending the first
    token to the reader having it; `whole` is from the question to that moment, without the wait of
    the upstream itself. `late` is how far the readers and the upstream were behind their own
    schedules. `received` is all bytes of a stream, `ending` those once the answer is written: its
    figures marked, and what stands below it. A reader without an end counts as infinitely late,
    which JSON writes as null.
    """

    case: Case
    complete: int
    wrong: int
    refused: dict[int, int]
    open_at_once: int
    seconds: float
    cpu: float
    upstream_cpu: float
    readers_cpu: float
    completion: dict[str, float | None]
    delivery: dict[str, float | None]
    whole: dict[str, float | None]
    received: float
    ending: float
    memory_before: int
    memory_peak: int
    reads: float
    late: dict[str, float]
    engines: dict[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that `share` of the values don't exceed."""
    ordered = sorted(values)
    return ordered[max(math.ceil(len(ordered) * share) - 1, 0)] if ordered else math.inf


def measure(environment: Environment, case: Case) -> Sample:
    """Start the contender, run all readers, stop it, then check what they received."""
    with started(environment, case.contender) as contender:
        return measure_started(environment, case, contender)


@contextmanager
def started(environment: Environment, name: str) -> Iterator[Contender]:
    """Start the contender of this name, and stop it at the end."""
    contender = environment.contender(name)
    contender.start()
    try:
        _warm_up(environment, contender)
        yield contender
    finally:
        contender.stop()


def measure_ceiling(environment: Environment, case: Case) -> Sample:
    """Measure the upstream and the readers with nothing between them."""
    environment.upstream.set(case.tokens, case.interval)
    readers = [Reader(number, _ask_upstream, None) for number in range(case.streams)]
    loop = ReaderLoop(("127.0.0.1", environment.upstream.port), readers, case.ramp)
    figures = _run(environment, case, loop, lambda: 0, lambda: 0)
    return Sample(case=case, **figures | {"wrong": 0})


def _ask_upstream(reader: Reader) -> bytes:
    return post("/v1/chat/completions", f'{{"question": "#{reader.number}"}}')


def _warm_up(environment: Environment, contender: Contender) -> None:
    """Ask a few questions, so that what a process does only once is not measured."""
    environment.upstream.set(5, 0.001)
    for _ in range(3):
        ReaderLoop(("127.0.0.1", contender.port), contender.readers(1), 0.1).run(20)
    time.sleep(_SETTLE_SECONDS)


def measure_started(environment: Environment, case: Case, contender: Contender) -> Sample:
    """Run all readers against a contender that runs, then check what they received."""
    environment.upstream.set(case.tokens, case.interval)
    readers = contender.readers(case.streams)
    loop = ReaderLoop(("127.0.0.1", contender.port), readers, case.ramp)
    before = environment.server_usage()
    figures = _run(environment, case, loop, contender.cpu, contender.memory)
    after = environment.server_usage()
    usage = {name: round(after[name] - value, 3) for name, value in before.items()}
    return Sample(case=case, **figures, engines=usage)


def _run(
    environment: Environment,
    case: Case,
    loop: ReaderLoop,
    cpu: Callable[[], float],
    memory: Callable[[], int],
) -> dict[str, Any]:
    """Run the readers and return the sample's figures; `cpu` and `memory` are the contender's."""
    memory_before, memory_during = memory(), [0]
    began, cpu_before, own_cpu = time.monotonic(), cpu(), time.process_time()
    upstream_cpu = environment.upstream.record()["cpu"]
    patience = case.ramp + case.ideal * PATIENCE + 10
    loop.run(patience, lambda: memory_during.append(memory()))
    own_cpu = time.process_time() - own_cpu
    time.sleep(_SETTLE_SECONDS)
    cpu_used, seconds = cpu() - cpu_before, time.monotonic() - began
    record = environment.upstream.record()
    return {
        **_contents(case, loop.readers),
        **_times(case, loop.readers, record),
        "open_at_once": loop.most_open,
        "seconds": round(seconds, 3),
        "cpu": round(cpu_used, 4),
        "upstream_cpu": round(record["cpu"] - upstream_cpu, 4),
        "readers_cpu": round(own_cpu, 4),
        "memory_before": memory_before,
        "memory_peak": max(memory_during),
        "late": {
            "readers": round(percentile(loop.delays, 0.99) * 1000, 2),
            "upstream": round(percentile(record["late"] or [0], 0.99) * 1000, 2),
        },
    }


def _contents(case: Case, readers: Sequence[Reader]) -> dict[str, Any]:
    """Count the complete and the wrong answers, and what an answer took on the connection."""
    text = "".join(answer_tokens(case.tokens))
    ended = [reader for reader in readers if reader.done_at]
    check = check_of(case.contender)
    number = max(len(ended), 1)
    return {
        "complete": len(ended),
        "wrong": sum(not check(reader.body.decode(), text) for reader in ended),
        "refused": dict(Counter(r.status for r in readers if r.status not in (0, 200))),
        "received": round(sum(len(reader.received) for reader in ended) / number, 1),
        "ending": round(sum(len(reader.ending) for reader in ended) / number, 1),
        "reads": round(sum(reader.reads for reader in ended) / number, 1),
    }


def check_of(contender: str) -> Check:
    """Return the check of this contender's answers."""
    return is_whole_json if contender in (*RELAYS, "json") else is_whole_html


def _times(case: Case, readers: Sequence[Reader], record: dict[str, Any]) -> dict[str, Any]:
    asked, first = record["asked"], record["first"]
    completion, delivery, whole = [], [], []
    for reader in readers:
        number = str(reader.number)
        has_first = reader.first_at and number in first
        delivery.append((reader.first_at - first[number]) * 1000 if has_first else math.inf)
        upstream_wait = first[number] - asked[number] if has_first else 0
        wait = reader.first_at - reader.asked_at - upstream_wait
        whole.append(wait * 1000 if has_first else math.inf)
        duration = reader.done_at - reader.asked_at
        completion.append(duration / case.ideal if reader.done_at else math.inf)
    return {
        "completion": _percentiles(completion),
        "delivery": _percentiles(delivery),
        "whole": _percentiles(whole),
    }


def _percentiles(values: Sequence[float]) -> dict[str, float | None]:
    found = {"p50": percentile(values, 0.5), "p99": percentile(values, 0.99)}
    return {name: round(value, 4) if value < math.inf else None for name, value in found.items()}
