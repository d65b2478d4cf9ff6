"""A short benchmark for every test run: python -m bench.speed_check [--record | --check]

The product and the Flask relay, each started once, take turns under the same load, and the ratio of
their CPU counts.
It hardly depends on the machine or on what else runs there, since gevent serves both. (FastAPI's
loop takes more at a time on a busy machine, and costs less then.)

`--record` records the ratios of now. `--check` fails if they are worse than the recorded ones, and
measures only once if that is clear enough.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from statistics import median

from bench.contenders import Contender, Homestream
from bench.environment import Environment
from bench.measure import Case, Sample, measure_started, started
from bench.results import rendered_bytes
from scripts import ROOT
from scripts.child_processes import end_with_parent

RECORDED = ROOT / "bench" / "recorded.json"
TOLERANCE = 1.25
_CLEAR = 1.1  # too far below TOLERANCE to be an accident
_STREAMS, _TOKENS = 50, 200
_ROUNDS, _ROUNDS_TO_RECORD = 7, 9


@dataclass(frozen=True)
class Ratios:
    """The product's CPU divided by the relay's, and the bytes sent divided by the answer's.

    `bytes` is of those sent while the answer is written, `ending` of those sent once it is: with
    its figures marked, and what stands below it.
    """

    cpu: float
    bytes: float
    ending: float

    def worse_than(self, recorded: Ratios, tolerance: float = TOLERANCE) -> list[str]:
        """Return a sentence for each ratio that has grown beyond the tolerance."""
        now, then = asdict(self), asdict(recorded)
        return [
            f"{name}: {ratio:.3f}, recorded {then[name]:.3f}; more than {tolerance} times as much"
            for name, ratio in now.items()
            if ratio > then[name] * tolerance
        ]


def measure_ratios(rounds: int, *, stop_when_clear: bool = False) -> Ratios:
    """Return the medians of so many rounds, and print each round.

    Raises AssertionError if an answer is missing or wrong.
    """
    product: list[Sample] = []
    relay: list[Sample] = []
    with (
        Environment(_STREAMS * rounds) as environment,
        started(environment, "flask") as flask,
        started(environment, "html") as html,
    ):
        for number in range(rounds):
            relay.append(_measure(environment, flask, number))
            if isinstance(html, Homestream):
                # New conversations: one that goes on takes more each time, for its longer prompt.
                first = number * _STREAMS
                html.accounts = environment.accounts[first : first + _STREAMS]
            product.append(_measure(environment, html, number))
            print(f"CPU: {product[-1].cpu:.2f} s, the relay's {relay[-1].cpu:.2f} s", flush=True)
            ratios = _ratios(product, relay)
            if stop_when_clear and not ratios.worse_than(load_recorded(), _CLEAR):
                break
    return ratios


def _ratios(product: list[Sample], relay: list[Sample]) -> Ratios:
    cpu = median(sample.cpu for sample in product) / median(sample.cpu for sample in relay)
    written = median(sample.received - sample.ending for sample in product)
    ending = median(sample.ending for sample in product)
    sent = (each / rendered_bytes(_TOKENS) for each in (written, ending))
    return Ratios(round(cpu, 4), *(round(each, 4) for each in sent))


def _measure(environment: Environment, contender: Contender, repetition: int) -> Sample:
    case = Case("short", contender.name, _STREAMS, _TOKENS, 0.02, 1.0, repetition)
    sample = measure_started(environment, case, contender)
    assert (sample.complete, sample.wrong) == (_STREAMS, 0), sample  # noqa: S101
    return sample


def load_recorded() -> Ratios:
    return Ratios(**json.loads(RECORDED.read_text()))


def main() -> None:
    end_with_parent()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    rounds = _ROUNDS_TO_RECORD if given.record else _ROUNDS
    ratios = measure_ratios(rounds, stop_when_clear=given.check)
    print(ratios)
    if given.record:
        RECORDED.write_text(json.dumps(asdict(ratios)) + "\n")
    worse = ratios.worse_than(load_recorded()) if given.check else []
    if worse:
        sys.exit("\n".join(worse))


if __name__ == "__main__":
    main()
