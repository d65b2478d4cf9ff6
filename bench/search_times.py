"""Measures searches of several kinds on both databases, for the commands that search something."""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple, TypeVar

from scripts.child_processes import end_with_parent
from scripts.local_servers import Postgres
from scripts.ports import free_port

Query = TypeVar("Query")

_WARM_UP_ROUNDS = 3


class Spent(NamedTuple):
    """Milliseconds of one search: by the clock, and of CPU, which is this process's and that of
    PostgreSQL's process for it if there is one. On a busy machine only the CPU can be compared."""

    clock: float
    cpu: float


def measure(
    kinds: Mapping[str, Callable[[], Query]],
    search: Callable[[Query], None],
    rounds: int,
    backend: int | None = None,
) -> dict[str, list[Spent]]:
    """Return what each search took, by its kind. The kinds take turns; each call of one returns
    another query. `backend` is the id of PostgreSQL's process whose CPU counts too."""
    times: dict[str, list[Spent]] = {kind: [] for kind in kinds}
    for number in range(rounds + _WARM_UP_ROUNDS):
        for kind, next_query in kinds.items():
            query = next_query()
            clock, cpu = time.perf_counter(), _cpu(backend)
            search(query)
            spent = Spent(time.perf_counter() - clock, _cpu(backend) - cpu)
            if number >= _WARM_UP_ROUNDS:
                times[kind].append(Spent(*(each * 1000 for each in spent)))
    return times


def _cpu(backend: int | None) -> float:
    """Return the seconds of CPU that this process has had, and the backend. Linux has the latter's
    in nanoseconds."""
    there = int(Path(f"/proc/{backend}/schedstat").read_text().split()[0]) / 1e9 if backend else 0
    return time.process_time() + there


def report(name: str, times: dict[str, list[Spent]]) -> None:
    """Print a table of milliseconds."""
    print(f"\n{name}\n\n| search | median | p95 | longest | CPU, median | p95 | longest |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    everything = [spent for each in times.values() for spent in each]
    for kind, each in [*times.items(), ("**all of them**", everything)]:
        cells = [
            f"{figure:.1f} ms"
            for one in zip(*each, strict=True)
            for figure in (median(one), quantiles(one, n=20)[-1], max(one))
        ]
        print(f"| {kind} | {' | '.join(cells)} |")


@contextmanager
def databases(folder: Path, file: str) -> Iterator[dict[str, str]]:
    """Give each database's URL by its name. What an earlier run left in the folder is in them."""
    with Postgres(folder / "postgres", free_port(), durable=True) as postgres:
        yield {"SQLite": f"sqlite:///{folder / file}", "PostgreSQL": postgres.url}


def main(run: Callable[[Path, int, int], None], about: str | None, what: str, count: int) -> None:
    """Run a measurement of so many things with the command's options: folder, things, rounds."""
    end_with_parent()
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument(f"--{what}", dest="count", type=int, default=count)
    parser.add_argument("--rounds", type=int, default=100, help="searches of each kind")
    parser.add_argument("--folder", type=Path, help="a folder to keep and to use again")
    given = parser.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp(prefix="homestream-bench-"))
    folder.mkdir(exist_ok=True)
    print(f"{given.count:,} {what}; {platform.machine()}, {os.cpu_count()} cores")
    run(folder, given.count, given.rounds)
