"""The fault suite in full: `python -m tests.faults --help`."""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import argparse  # noqa: E402
import random  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402

from tests.faults.cluster import Cluster  # noqa: E402
from tests.faults.rounds import FAULTS, Fault, Model, Result, Round, table  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description="Break things under load and count what it cost.")
    parser.add_argument("--rounds", type=int, default=3, help="of each fault")
    parser.add_argument("--streams", type=int, default=50, help="open at once")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 100_000)
    parser.add_argument("--only", default="", help="faults whose name has this in it")
    options = parser.parse_args()
    print(f"seed {options.seed} (--seed {options.seed} repeats the order)", flush=True)
    chance = random.Random(options.seed)  # noqa: S311
    faults = [fault for fault in FAULTS if options.only in fault.name] * options.rounds
    chance.shuffle(faults)
    model = Model(options.seed)
    with tempfile.TemporaryDirectory() as name, model.scripted:
        results = _rounds(Path(name), model, faults, chance, options.streams)
    print(table(results))
    sys.exit(any(result.losses() or result.wrong for result in results))


def _rounds(
    folder: Path, model: Model, faults: list[Fault], chance: random.Random, streams: int
) -> list[Result]:
    results = []
    with Cluster(folder, model.scripted.base_url) as cluster:
        before = cluster.usage()
        for number, fault in enumerate(faults):
            began = time.monotonic()
            result = Round(cluster, model, chance, f"n{number}", streams).run(fault)
            results.append(result)
            told = f"{fault.name}: {result.losses()} losses, {result.anew} begun anew, "
            told += f"{result.retried} retried, {time.monotonic() - began:.0f} s"
            print(told, *result.wrong, sep="\n  ", flush=True)
        time.sleep(5)
        print(f"\nbefore: {before}\nafter:  {cluster.usage()}\n")
    return results


if __name__ == "__main__":
    main()
