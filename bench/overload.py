"""Twice as many questions as a worker accepts: python -m bench.overload

Half of the readers ask and read; meanwhile as many again ask. Those must be refused at once, and
the first half must not notice.
"""

from __future__ import annotations

import argparse
import time
from statistics import median

from bench.contenders import Homestream
from bench.environment import Environment
from bench.measure import percentile
from bench.readers import Reader, ReaderLoop
from scripts.child_processes import end_with_parent

_TOKENS, _INTERVAL = 600, 0.02


def run(limit: int) -> None:
    """Measure with as many readers as the limit allows, then with twice as many."""
    with Environment(limit * 2) as environment:
        for name, count in (("alone", limit), ("twice the limit", limit * 2)):
            contender = environment.contender("html")
            assert isinstance(contender, Homestream)  # noqa: S101
            contender.settings["MAX_RUNS_PER_WORKER"] = str(limit)
            contender.start()
            try:
                environment.upstream.set(_TOKENS, _INTERVAL)
                _report(name, limit, _read(contender, count))
            finally:
                contender.stop()


def _read(contender: Homestream, count: int) -> list[Reader]:
    readers = contender.readers(count)
    loop = ReaderLoop(("127.0.0.1", contender.port), readers, count / 100)
    loop.run(_TOKENS * _INTERVAL * 3 + count / 100)
    return readers


def _report(name: str, limit: int, readers: list[Reader]) -> None:
    ideal = (_TOKENS + 1) * _INTERVAL
    served = [reader for reader in readers if reader.done_at]
    refused = [reader for reader in readers if reader.status == 503]
    completion = [(reader.done_at - reader.asked_at) / ideal for reader in served]
    print(
        f"{name}: {len(readers)} asked, {len(served)} served of at most {limit}, "
        f"{len(refused)} refused; completion p50 {median(completion):.3f}, p99 "
        f"{percentile(completion, 0.99):.3f} of the ideal"
    )
    waits = [(reader.refused_at - reader.asked_at) * 1000 for reader in refused]
    if waits:
        print(f"  refused after p50 {median(waits):.1f} ms, p99 {percentile(waits, 0.99):.1f} ms")


def main() -> None:
    end_with_parent()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--limit", type=int, default=250, help="answers that a worker accepts")
    began = time.monotonic()
    run(parser.parse_args().limit)
    print(f"in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
