"""The fault suite in full: `make test-faults`, or `python -m tests.faults --help`."""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import argparse  # noqa: E402
import random  # noqa: E402
import shutil  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402

from scripts.child_processes import end_with_parent  # noqa: E402
from tests.faults.cluster import ROOT, Cluster  # noqa: E402
from tests.faults.rounds import (  # noqa: E402
    CONTROL,
    FAULTS,
    Fault,
    Model,
    Result,
    Round,
    sign_up_people,
    table,
)

LOGS = ROOT / "test-results" / "faults"


def main() -> None:
    end_with_parent()
    parser = argparse.ArgumentParser(description="Break things under load and count what it cost.")
    parser.add_argument("--rounds", type=int, default=3, help="of each fault")
    parser.add_argument("--streams", type=int, default=50, help="open at once")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 100_000)
    parser.add_argument("--only", default="", help="faults whose name has this in it")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that nothing is left running
    print(f"seed {options.seed} (--seed {options.seed} repeats the order)", flush=True)
    chance = random.Random(options.seed)  # noqa: S311
    faults = [fault for fault in FAULTS if options.only in fault.name] * options.rounds
    chance.shuffle(faults)
    model = Model(options.seed)
    with tempfile.TemporaryDirectory() as name, model.scripted:
        folder = Path(name)
        results, leaks = _rounds(folder, model, [CONTROL, *faults], chance, options.streams)
        bad = leaks or any(result.losses() or result.wrong for result in results)
        if bad:
            shutil.rmtree(LOGS, ignore_errors=True)
            LOGS.mkdir(parents=True)
            for log in folder.glob("*.log"):
                shutil.copy(log, LOGS)
            print(f"what the servers said is in {LOGS.relative_to(ROOT)}/")
    print(table(results))
    print("\nleaked greenlets, files:", *(leaks or ["none"]))
    sys.exit(bool(bad))


def _rounds(
    folder: Path, model: Model, faults: list[Fault], chance: random.Random, streams: int
) -> tuple[list[Result], list[str]]:
    """What each round cost, and what the workers have in the end that an idle one had not."""
    results: list[Result] = []
    with Cluster(folder, model.scripted.base_url) as cluster:
        people = sign_up_people(cluster)
        for number, fault in enumerate(faults):
            began = time.monotonic()
            result = Round(cluster, model, people, chance, f"n{number}", streams).run(fault)
            results.append(result)
            told = f"{fault.name}: {result.losses()} losses, {result.anew} begun anew, "
            told += f"{result.retried} retried, {time.monotonic() - began:.0f} s"
            print(told, *result.wrong, sep="\n  ", flush=True)
            if number == 0:
                before = cluster.settled()
        return results, cluster.leaks(before)


if __name__ == "__main__":
    main()
