"""Which measurements a run makes, and in which order: contenders take turns, so that whatever else
the machine does meanwhile falls on all of them alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from bench.arena import PRODUCT, RELAYS, SHARED
from bench.measure import Case

STREAMS = (1, 50, 100, 200, 500, 1000)
MANY = 500
"""From so many streams on answers are long enough for all to be open at once, and all but the
fragments have one repetition: the relays don't keep up, and take long not to."""
LONGER = 200
"""At so many streams the fragments are also measured beside FastAPI with the longer answers."""
LONG_STREAMS, LONG_INTERVAL = 4, 0.0024
_INTERVAL = 0.02


@dataclass(frozen=True)
class Options:
    repetitions: int = 3
    streams: tuple[int, ...] = STREAMS
    only: tuple[str, ...] = (*PRODUCT, *RELAYS, *SHARED)
    tokens: int = 200
    interval: float = _INTERVAL
    quick: bool = False

    @property
    def many_tokens(self) -> int:
        return self.tokens * 3


def plan(options: Options) -> Iterator[Case]:
    """All cases in order."""
    for repetition in range(options.repetitions):
        for group in _groups(options, repetition):
            wanted = [case for case in group if case.contender in options.only]
            yield from (replace(one, repetition=repetition) for one in _turned(wanted, repetition))


def ceiling_case(options: Options) -> Case:
    most = max(options.streams)
    return Case("ceiling", "none", most, options.many_tokens, options.interval, ramp(most))


def ramp(streams: int) -> float:
    """Seconds over which the questions come."""
    return max(1.0, streams / 100)


def _turned(cases: Sequence[Case], by: int) -> list[Case]:
    by %= len(cases) or 1
    return [*cases[by:], *cases[:by]]


def _groups(options: Options, repetition: int) -> Iterator[list[Case]]:
    for streams in options.streams:
        yield _at(options, streams, repetition)
        if streams == LONGER and not options.quick:
            longer = options.many_tokens
            names = ("html", "fastapi")
            yield [_case(options, "longer", name, streams, longer) for name in names]
    if not options.quick:
        yield _fixed(options, 5, repetition)
        yield _fixed(options, options.many_tokens, repetition)
        yield [_case(options, "event-log", "html-valkey", 100, options.tokens)]
        if repetition == 0:
            yield from _long(options)


def _case(options: Options, purpose: str, contender: str, streams: int, tokens: int) -> Case:
    return Case(purpose, contender, streams, tokens, options.interval, ramp(streams))


def _at(options: Options, streams: int, repetition: int) -> list[Case]:
    if streams < MANY:
        tokens, names = options.tokens, tuple[str, ...]((*PRODUCT, *RELAYS))
    else:
        tokens = options.many_tokens
        names = (*PRODUCT, *RELAYS)[: 1 if repetition else None]
    cases = [_case(options, "streams", name, streams, tokens) for name in names]
    if streams == STREAMS[-1]:
        cases.append(_case(options, "workers", "html-2-workers", streams, tokens))
    return cases


def _fixed(options: Options, tokens: int, repetition: int) -> list[Case]:
    """With 50 streams of the usual length, which are there already, they tell what a question costs
    and what a token."""
    names = PRODUCT if repetition else (*PRODUCT, *RELAYS)
    return [_case(options, "fixed", name, 50, tokens) for name in names]


def _long(options: Options) -> Iterator[list[Case]]:
    """Whether a token costs as much in an answer of 50,000 as in one of 200. The same pace, and as
    many open at once: so short questions follow each other, with 200 tokens and, to take away what
    a question costs, with 5."""
    short = 250
    span = short * options.tokens * LONG_INTERVAL / LONG_STREAMS
    for streams, tokens, over in (
        (short, 5, span),
        (short, options.tokens, span),
        (LONG_STREAMS, options.tokens * 250, 1.0),
    ):
        yield [Case("long", "html", streams, tokens, LONG_INTERVAL, over)]
    yield [_case(options, "length", "html", 10, options.tokens * 10)]
