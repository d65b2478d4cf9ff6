"""What streaming costs beside two relays: python -m bench.streams, or `make bench`

Writes bench/results.json, docs/performance.md and docs/scaling.md, in about half an hour. Leave the
machine alone meanwhile.

To compare two versions of the product, measure its streams alone: `--only 200,500` prints the
medians and writes nothing, unless `--out` names a file.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from bench import report, scaling
from bench.cases import CONTENDERS, Options, ceiling_case, plan
from bench.environment import Environment
from bench.machine import describe_machine
from bench.measure import Case, Sample, measure, measure_ceiling
from scripts import ROOT
from scripts.child_processes import end_with_parent

RESULTS = ROOT / "bench" / "results.json"

Figure = Callable[[Sample], float | None]


def run(options: Options) -> dict[str, Any]:
    """Measure everything. Returns the results, ready for JSON."""
    with Environment(max(options.most_streams, 250)) as environment:
        ceiling = measure_ceiling(environment, ceiling_case(options))
        _print_ceiling(ceiling)
        samples = _measure_all(environment, options)
    return {
        "machine": describe_machine(),
        "ceiling": ceiling.as_json(),
        "samples": [sample.as_json() for sample in samples],
    }


def compare(options: Options) -> dict[str, Any]:
    """Measure only some streams and print their medians. Returns the results, ready for JSON."""
    with Environment(options.most_streams) as environment:
        samples = _measure_all(environment, options)
    print_medians(samples)
    return {
        "machine": describe_machine(),
        "samples": [sample.as_json() for sample in samples],
    }


def _measure_all(environment: Environment, options: Options) -> list[Sample]:
    cases = list(plan(options))
    samples = []
    for number, case in enumerate(cases, 1):
        sample = measure(environment, case)
        _print(f"{number}/{len(cases)}", sample)
        samples.append(sample)
    return samples


def print_medians(samples: Sequence[Sample]) -> None:
    """Print a row for each contender and count: the medians of all repetitions."""
    print(
        f"{'':15} {'streams':>7} {'CPU ms/1000 tokens':>19} {'first token p50':>16} {'p99':>8} "
        f"{'completion p50':>15} {'p99':>7} {'complete':>9}"
    )
    groups: dict[tuple[str, int], list[Sample]] = {}
    for sample in samples:
        groups.setdefault((sample.case.contender, sample.case.streams), []).append(sample)
    for (contender, streams), group in groups.items():
        complete = sum(sample.complete - sample.wrong for sample in group)
        print(
            f"{contender:15} {streams:7} {_median(group, cpu_per_1000):19.1f} "
            f"{_median(group, lambda one: one.delivery['p50']):13.1f} ms "
            f"{_median(group, lambda one: one.delivery['p99']):5.1f} ms "
            f"{_median(group, lambda one: one.completion['p50']):15.3f} "
            f"{_median(group, lambda one: one.completion['p99']):7.3f} "
            f"{complete / (streams * len(group)):9.0%}"
        )


def cpu_per_1000(sample: Sample) -> float:
    """Return milliseconds of CPU for 1000 tokens."""
    return sample.cpu / (sample.case.streams * sample.case.tokens) * 1e6


def _median(samples: Sequence[Sample], figure: Figure) -> float:
    return median(float("inf") if (value := figure(one)) is None else value for one in samples)


def _print_ceiling(ceiling: Sample) -> None:
    case = ceiling.case
    print(
        f"Nothing between upstream and readers: {ceiling.complete} of {case.streams} answers of "
        f"{case.tokens} tokens, {ceiling.open_at_once} open at once; completion p99 "
        f"{ceiling.completion['p99']} of the ideal; CPU {ceiling.upstream_cpu:.1f} s upstream, "
        f"{ceiling.readers_cpu:.1f} s readers in {ceiling.seconds:.0f} s",
        flush=True,
    )


def _print(number: str, sample: Sample) -> None:
    case: Case = sample.case
    wrong = f", {sample.wrong} WRONG" if sample.wrong else ""
    print(
        f"{number:>8} {case.contender:15} {case.streams:5} x {case.tokens:<6}"
        f"{sample.complete:5} complete{wrong}; {cpu_per_1000(sample):7.1f} ms/1000 tokens; "
        f"completion p99 {sample.completion['p99']}; first token p99 {sample.delivery['p99']} ms",
        flush=True,
    )


def parse_arguments(arguments: list[str]) -> tuple[Options, Path | None]:
    """Return what to measure, and the file for the results if there is one."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", type=_counts, default=(), help="such as 200,500")
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, default=CONTENDERS)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--out", type=Path, help="a file for the results; docs/ stays as it is")
    given = parser.parse_args(arguments)
    options = Options(given.repetitions, tuple(given.contenders), given.only)
    if given.out is None and not given.only and options != Options():
        parser.error("--out is needed: docs/ is written from complete runs alone")
    return options, given.out


def _counts(text: str) -> tuple[int, ...]:
    return tuple(int(count) for count in text.split(","))


def main() -> None:
    end_with_parent()
    options, out = parse_arguments(sys.argv[1:])
    results = compare(options) if options.only else run(options)
    if options.only and out is None:
        return
    (out or RESULTS).write_text(json.dumps(results, separators=(",", ":")) + "\n")
    if out is None:
        report.write()
        scaling.write()


if __name__ == "__main__":
    main()
