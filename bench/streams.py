"""What streaming costs, beside two relays: python -m bench.streams, or `make bench`

It takes about half an hour, writes bench/results.json and draws docs/ anew from it. Leave the
machine alone meanwhile.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from bench import report, scaling
from bench.arena import PRODUCT, RELAYS, SHARED, Arena
from bench.machine import machine
from bench.measure import Sample, ceiling, measure
from bench.plan import STREAMS, Options, ceiling_case, plan
from scripts import ROOT
from scripts.child_processes import end_with_parent

RESULTS = ROOT / "bench" / "results.json"


def run(options: Options) -> dict[str, Any]:
    """Everything measured, ready for JSON."""
    cases = list(plan(options))
    with Arena(max([*options.streams, 250])) as arena:
        alone = ceiling(arena, ceiling_case(options))
        _print_ceiling(alone)
        samples = []
        for number, case in enumerate(cases, 1):
            sample = measure(arena, case)
            _print(f"{number}/{len(cases)}", sample)
            samples.append(sample.as_json())
    return {"machine": machine(), "ceiling": alone.as_json(), "samples": samples}


def _print_ceiling(alone: Sample) -> None:
    case = alone.case
    print(
        f"Nothing between upstream and readers: {alone.complete} of {case.streams} answers of "
        f"{case.tokens} tokens, {alone.open_at_once} open at once; completion p99 "
        f"{alone.completion['p99']} of the ideal; CPU {alone.upstream_cpu:.1f} s upstream, "
        f"{alone.readers_cpu:.1f} s readers in {alone.seconds:.0f} s",
        flush=True,
    )


def _print(number: str, sample: Sample) -> None:
    case = sample.case
    per_1000 = sample.cpu / (case.streams * case.tokens) * 1e6
    wrong = f", {sample.wrong} WRONG" if sample.wrong else ""
    print(
        f"{number:>8} {case.contender:15} {case.streams:5} x {case.tokens:<6}"
        f"{sample.complete:5} complete{wrong}; {per_1000:7.1f} ms/1000 tokens; "
        f"completion p99 {sample.completion['p99']}; first token p99 {sample.delivery['p99']} ms",
        flush=True,
    )


def chosen(arguments: list[str]) -> tuple[Options, Path | None]:
    """What was asked for, and where the results go: a run that leaves something out must say."""
    every = (*PRODUCT, *RELAYS, *SHARED)
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--streams", type=int, nargs="+", default=STREAMS)
    parser.add_argument("--only", nargs="+", choices=every, default=every)
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--interval", type=float, default=0.02, help="seconds between two tokens")
    parser.add_argument("--quick", action="store_true", help="the main table alone, once")
    parser.add_argument("--out", type=Path, help="a file for the results; docs/ stays as it is")
    given = parser.parse_args(arguments)
    options = Options(
        repetitions=1 if given.quick else given.repetitions,
        streams=tuple(given.streams),
        only=tuple(given.only),
        tokens=given.tokens,
        interval=given.interval,
        quick=given.quick,
    )
    if given.out is None and options != Options():
        parser.error("--out is needed: docs/ is drawn from whole runs alone")
    return options, given.out


def main() -> None:
    end_with_parent()
    options, out = chosen(sys.argv[1:])
    results = run(options)
    (out or RESULTS).write_text(json.dumps(results, separators=(",", ":")) + "\n")
    if out is None:
        report.write()
        scaling.write()


if __name__ == "__main__":
    main()
