"""Which cases a run measures, and in which order.

Contenders take turns, so that other work on the machine slows all of them alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from bench.environment import PRODUCT, RELAYS, SHARED
from bench.measure import Case

STREAMS = (1, 50, 100, 200, 500, 1000)
CONTENDERS = (*PRODUCT, *RELAYS, *SHARED)
TOKENS, MANY_TOKENS = 200, 600
MANY = 500
"""From so many streams on, answers have MANY_TOKENS, so that all are open at once. All contenders
but `html` are measured once there: the relays can't keep up, and take long."""
LONGER = 200
"""At so many streams, `html` and `fastapi` are also measured with MANY_TOKENS."""
INTERVAL = 0.02
"""Seconds between two tokens."""
LONG_STREAMS, LONG_INTERVAL = 4, 0.0024


@dataclass(frozen=True)
class Options:
    """What to measure: everything, or `only` the cases of the product at these counts."""

    repetitions: int = 3
    contenders: tuple[str, ...] = CONTENDERS
    only: tuple[int, ...] = ()

    @property
    def most_streams(self) -> int:
        return max(self.only or STREAMS)


def plan(options: Options) -> Iterator[Case]:
    """Yield all cases in order."""
    for repetition in range(options.repetitions):
        groups = _compared(options.only) if options.only else _all_groups(repetition)
        for group in groups:
            wanted = [case for case in group if case.contender in options.contenders]
            yield from (replace(case, repetition=repetition) for case in _turn(wanted, repetition))


def ceiling_case(options: Options) -> Case:
    """Return the case that measures the upstream and the readers alone."""
    most = options.most_streams
    return Case("ceiling", "none", most, MANY_TOKENS, INTERVAL, ramp(most))


def ramp(streams: int) -> float:
    """Return the seconds over which so many questions are spread."""
    return max(1.0, streams / 100)


def _turn(cases: Sequence[Case], by: int) -> list[Case]:
    by %= len(cases) or 1
    return [*cases[by:], *cases[:by]]


def _compared(counts: Sequence[int]) -> Iterator[list[Case]]:
    for streams in counts:
        yield [_case("streams", name, streams, _tokens_at(streams)) for name in PRODUCT]


def _all_groups(repetition: int) -> Iterator[list[Case]]:
    for streams in STREAMS:
        yield _at(streams, repetition)
        if streams == LONGER:
            yield [_case("longer", name, streams, MANY_TOKENS) for name in ("html", "fastapi")]
    yield _fixed(5, repetition)
    yield _fixed(MANY_TOKENS, repetition)
    yield [_case("event-log", "html-valkey", 100, TOKENS)]
    if repetition == 0:
        yield from _long()


def _case(purpose: str, contender: str, streams: int, tokens: int) -> Case:
    return Case(purpose, contender, streams, tokens, INTERVAL, ramp(streams))


def _tokens_at(streams: int) -> int:
    return TOKENS if streams < MANY else MANY_TOKENS


def _at(streams: int, repetition: int) -> list[Case]:
    names: tuple[str, ...] = (*PRODUCT, *RELAYS)
    if streams >= MANY and repetition:
        names = names[:1]
    cases = [_case("streams", name, streams, _tokens_at(streams)) for name in names]
    if streams == STREAMS[-1]:
        cases.append(_case("workers", "html-2-workers", streams, MANY_TOKENS))
    return cases


def _fixed(tokens: int, repetition: int) -> list[Case]:
    """Cases of one length at 50 streams; two lengths tell a question's cost from a token's."""
    names = PRODUCT if repetition else (*PRODUCT, *RELAYS)
    return [_case("fixed", name, 50, tokens) for name in names]


def _long() -> Iterator[list[Case]]:
    """Cases that tell whether a token costs as much in an answer of 50,000 as in one of 200.

    At the same interval and with as many streams open at once, short questions follow each other:
    with 200 tokens, and with 5, to take away what a question costs.
    """
    short = 250
    span = short * TOKENS * LONG_INTERVAL / LONG_STREAMS
    for streams, tokens, over in (
        (short, 5, span),
        (short, TOKENS, span),
        (LONG_STREAMS, TOKENS * 250, 1.0),
    ):
        yield [Case("long", "html", streams, tokens, LONG_INTERVAL, over)]
    yield [_case("length", "html", 10, TOKENS * 10)]
