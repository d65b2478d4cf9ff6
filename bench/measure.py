"""One measurement: a contender, freshly started, under so many streams of so many tokens."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.answers import tokens as answer_tokens
from bench.arena import RELAYS, Arena
from bench.contenders import Contender, post
from bench.load import Load, Reader
from bench.verify import Check, is_whole_html, is_whole_json

PATIENCE = 3
"""So many times what an answer takes at best, and no longer, a contender is waited for."""
_SETTLE = 0.3  # seconds in which what an answer leaves to be done is done


@dataclass(frozen=True)
class Case:
    """What to measure. `interval` and `ramp` (over which the questions are spread) in seconds;
    `purpose` tells the figures apart that belong together."""

    purpose: str
    contender: str
    streams: int
    tokens: int
    interval: float
    ramp: float
    repetition: int = 0

    @property
    def ideal(self) -> float:
        """Seconds from the question to the end of the answer, if nothing took any time."""
        return (self.tokens + 1) * self.interval


@dataclass(frozen=True)
class Sample:
    """What came of a case. CPU in seconds, memory in bytes, times in milliseconds.

    The percentiles are of all readers: one who did not get the end counts as infinitely late,
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
    memory_before: int
    memory_peak: int
    reads: float
    late: dict[str, float]
    engines: dict[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of the values don't exceed."""
    ordered = sorted(values)
    return ordered[max(math.ceil(len(ordered) * share) - 1, 0)] if ordered else math.inf


def _percentiles(values: Sequence[float]) -> dict[str, float | None]:
    found = {"p50": percentile(values, 0.5), "p99": percentile(values, 0.99)}
    return {name: round(value, 4) if value < math.inf else None for name, value in found.items()}


def measure(arena: Arena, case: Case) -> Sample:
    """Start the contender, let all read, stop it, then look into what came."""
    contender = arena.contender(case.contender)
    contender.start()
    try:
        _warm_up(arena, contender)
        arena.upstream.set(case.tokens, case.interval)
        return _under_load(arena, case, contender)
    finally:
        contender.stop()


def _warm_up(arena: Arena, contender: Contender) -> None:
    """A few questions, so that what a process does once in its life is not measured."""
    arena.upstream.set(5, 0.001)
    for _ in range(3):
        Load(("127.0.0.1", contender.port), contender.readers(1), 0.1).run(20)
    time.sleep(_SETTLE)


def _under_load(arena: Arena, case: Case, contender: Contender) -> Sample:
    readers = contender.readers(case.streams)
    load = Load(("127.0.0.1", contender.port), readers, case.ramp)
    before, memory = contender.memory(), [0]
    began, cpu, own_cpu = time.monotonic(), contender.cpu(), time.process_time()
    upstream_cpu, engines = arena.upstream.record()["cpu"], arena.used_by_engines()
    load.run(_patience(case), lambda: memory.append(contender.memory()))
    own_cpu = time.process_time() - own_cpu
    time.sleep(_SETTLE)
    cpu, seconds = contender.cpu() - cpu, time.monotonic() - began
    record, engines_after = arena.upstream.record(), arena.used_by_engines()
    used = {name: engines_after[name] - value for name, value in engines.items()}
    costs = {"cpu": cpu, "upstream_cpu": record["cpu"] - upstream_cpu, "readers_cpu": own_cpu}
    return Sample(
        case=case,
        **_outcome(case, readers),
        open_at_once=load.most_open,
        seconds=round(seconds, 3),
        **{name: round(value, 4) for name, value in costs.items()},
        **_times(case, readers, record),
        memory_before=before,
        memory_peak=max(memory),
        late={
            "readers": round(percentile(load.late, 0.99) * 1000, 2),
            "upstream": round(percentile(record["late"] or [0], 0.99) * 1000, 2),
        },
        engines={name: round(value, 3) for name, value in used.items()},
    )


def _patience(case: Case) -> float:
    return case.ramp + case.ideal * PATIENCE + 10


def _outcome(case: Case, readers: Sequence[Reader]) -> dict[str, Any]:
    """What the readers have, and whether it is right."""
    text = "".join(answer_tokens(case.tokens))
    ended = [reader for reader in readers if reader.done_at]
    check = check_of(case.contender)
    many = max(len(ended), 1)
    return {
        "complete": len(ended),
        "wrong": sum(not check(reader.body.decode(), text) for reader in ended),
        "refused": dict(Counter(r.status for r in readers if r.status not in (0, 200))),
        "received": round(sum(len(reader.received) for reader in ended) / many, 1),
        "reads": round(sum(reader.reads for reader in ended) / many, 1),
    }


def check_of(contender: str) -> Check:
    return is_whole_json if contender in (*RELAYS, "json") else is_whole_html


def _times(case: Case, readers: Sequence[Reader], record: dict[str, Any]) -> dict[str, Any]:
    """Both ways to look at the first token: from its being sent to its being had, and from the
    question to its being had, less what the upstream let wait itself."""
    asked, first = record["asked"], record["first"]
    completion, delivery, whole = [], [], []
    for reader in readers:
        number = str(reader.number)
        had = reader.first_at and number in first
        delivery.append((reader.first_at - first[number]) * 1000 if had else math.inf)
        wait = first[number] - asked[number] if had else 0
        whole.append((reader.first_at - reader.asked_at - wait) * 1000 if had else math.inf)
        took = reader.done_at - reader.asked_at
        completion.append(took / case.ideal if reader.done_at else math.inf)
    return {
        "completion": _percentiles(completion),
        "delivery": _percentiles(delivery),
        "whole": _percentiles(whole),
    }


def ceiling(arena: Arena, case: Case) -> Sample:
    """The upstream and the readers with nothing between them."""
    arena.upstream.set(case.tokens, case.interval)
    readers = [Reader(number, _ask_upstream, None) for number in range(case.streams)]
    load = Load(("127.0.0.1", arena.upstream.port), readers, case.ramp)
    began, own_cpu = time.monotonic(), time.process_time()
    cpu = arena.upstream.record()["cpu"]
    load.run(_patience(case))
    own_cpu = time.process_time() - own_cpu
    record = arena.upstream.record()
    return Sample(
        case=case,
        **{**_outcome(case, readers), "wrong": 0},
        open_at_once=load.most_open,
        seconds=round(time.monotonic() - began, 3),
        cpu=0,
        upstream_cpu=round(record["cpu"] - cpu, 4),
        readers_cpu=round(own_cpu, 4),
        **_times(case, readers, record),
        memory_before=0,
        memory_peak=0,
        late={
            "readers": round(percentile(load.late, 0.99) * 1000, 2),
            "upstream": round(percentile(record["late"], 0.99) * 1000, 2),
        },
    )


def _ask_upstream(reader: Reader) -> bytes:
    return post("/v1/chat/completions", f'{{"question": "#{reader.number}"}}')
