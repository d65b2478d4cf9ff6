"""Twice as many questions as a worker can hold: python -m bench.overload

Half of the readers ask and read; while they do, as many again ask. These must be told at once that
it is too much, and those must not notice.
"""

from __future__ import annotations

import argparse
import time
from statistics import median

from bench.arena import Arena
from bench.contenders import Homestream
from bench.load import Load, Reader
from bench.measure import percentile

_TOKENS, _INTERVAL = 600, 0.02


def run(limit: int) -> None:
    with Arena(limit * 2) as arena:
        for name, readers in (("alone", limit), ("twice the limit", limit * 2)):
            contender = arena.contender("html")
            assert isinstance(contender, Homestream)  # noqa: S101
            contender.settings["MAX_RUNS_PER_WORKER"] = str(limit)
            contender.start()
            try:
                arena.upstream.set(_TOKENS, _INTERVAL)
                _report(name, limit, _under(contender, readers))
            finally:
                contender.stop()


def _under(contender: Homestream, readers: int) -> list[Reader]:
    everybody = contender.readers(readers)
    load = Load(("127.0.0.1", contender.port), everybody, readers / 100)
    load.run(_TOKENS * _INTERVAL * 3 + readers / 100)
    return everybody


def _report(name: str, limit: int, readers: list[Reader]) -> None:
    ideal = (_TOKENS + 1) * _INTERVAL
    served = [reader for reader in readers if reader.done_at]
    refused = [reader for reader in readers if reader.status == 503]
    took = [(reader.done_at - reader.asked_at) / ideal for reader in served]
    print(
        f"{name}: {len(readers)} asked, {len(served)} served of at most {limit}, "
        f"{len(refused)} refused; completion p50 {median(took):.3f}, p99 "
        f"{percentile(took, 0.99):.3f} of the ideal"
    )
    waits = [(reader.refused_at - reader.asked_at) * 1000 for reader in refused]
    if waits:
        print(f"  refused after p50 {median(waits):.1f} ms, p99 {percentile(waits, 0.99):.1f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--limit", type=int, default=250)
    began = time.monotonic()
    run(parser.parse_args().limit)
    print(f"in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
