"""The benchmark in short, for every test run: python -m bench.short [--record | --check]

The product and the Flask relay take turns under the same load, and what counts is the ratio of
their CPU: it hardly depends on the machine, nor on what else that does, since both run on gevent.
(FastAPI's loop takes more at a time when it gets the machine less often, and costs less then.)
`--record` writes down what it is now; `--check` fails when it is worse than what was written down,
after a single round where that leaves no doubt.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from statistics import median

from bench.arena import Arena
from bench.measure import Case, Sample, measure
from bench.report import rendered
from scripts import ROOT
from scripts.child_processes import end_with_parent

RECORDED = ROOT / "bench" / "recorded.json"
TOLERANCE = 1.25
_CLEAR = 1.1  # too far below TOLERANCE to be a chance
_STREAMS, _TOKENS = 50, 200
_ROUNDS, _ROUNDS_TO_RECORD = 3, 9


@dataclass(frozen=True)
class Ratios:
    """The product's CPU for a token over the relay's, and bytes sent over bytes of the answer."""

    cpu: float
    bytes: float

    def worse_than(self, recorded: Ratios, tolerance: float = TOLERANCE) -> list[str]:
        """A sentence for each that has grown beyond what chance explains."""
        pairs = [(name, getattr(self, name), getattr(recorded, name)) for name in ("cpu", "bytes")]
        return [
            f"{name}: {now:.3f}, which was {then:.3f}; more than {tolerance} times as much"
            for name, now, then in pairs
            if now > then * tolerance
        ]


def measured(rounds: int, *, in_short: bool = False) -> Ratios:
    """The medians of so many rounds, each of which is printed; `in_short` one that leaves no doubt
    is the last. Raises AssertionError where an answer is missing or wrong."""
    ours: list[Sample] = []
    theirs: list[Sample] = []
    with Arena(_STREAMS) as arena:
        for number in range(rounds):
            theirs.append(_whole(arena, "flask", number))
            ours.append(_whole(arena, "html", number))
            print(f"CPU: {ours[-1].cpu:.2f} s, the relay's {theirs[-1].cpu:.2f} s", flush=True)
            if in_short and not _ratios(ours, theirs).worse_than(recorded(), _CLEAR):
                break
    return _ratios(ours, theirs)


def _ratios(ours: list[Sample], theirs: list[Sample]) -> Ratios:
    return Ratios(
        cpu=round(median(one.cpu for one in ours) / median(one.cpu for one in theirs), 4),
        bytes=round(median(one.received for one in ours) / rendered(_TOKENS), 4),
    )


def _whole(arena: Arena, contender: str, repetition: int) -> Sample:
    case = Case("short", contender, _STREAMS, _TOKENS, 0.02, 1.0, repetition)
    sample = measure(arena, case)
    assert (sample.complete, sample.wrong) == (_STREAMS, 0), sample  # noqa: S101
    return sample


def recorded() -> Ratios:
    return Ratios(**json.loads(RECORDED.read_text()))


def main() -> None:
    end_with_parent()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--check", action="store_true")
    chosen = parser.parse_args()
    now = measured(_ROUNDS_TO_RECORD if chosen.record else _ROUNDS, in_short=chosen.check)
    print(now)
    if chosen.record:
        RECORDED.write_text(json.dumps(asdict(now)) + "\n")
    worse = now.worse_than(recorded()) if chosen.check else []
    if worse:
        sys.exit("\n".join(worse))


if __name__ == "__main__":
    main()
