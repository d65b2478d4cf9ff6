"""Mixed use for as long as one likes, and what it leaves behind: `python -m tests.faults.soak`.

People ask and read, lose their connections, stop answers, walk away from them and browse; what
every worker holds is noted down meanwhile, and again when all is quiet.
"""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import argparse  # noqa: E402
import itertools  # noqa: E402
import random  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from collections import Counter  # noqa: E402
from collections.abc import Callable  # noqa: E402
from contextlib import suppress  # noqa: E402
from dataclasses import dataclass, field  # noqa: E402
from pathlib import Path  # noqa: E402

import gevent  # noqa: E402
import requests  # noqa: E402

from scripts.child_processes import end_with_parent  # noqa: E402
from tests.faults.cluster import Cluster, Usage  # noqa: E402
from tests.faults.readers import TIMEOUTS, Account, Reader  # noqa: E402
from tests.faults.rounds import Model, expected  # noqa: E402

PEOPLE = 6
ACTS_OF_ONE = 15
PAGES = ("/", "/conversations", "/outbox", "/auth/profile", "/health", "/sse/health")
# What a worker may have more of when all is quiet again: what Python and the pools keep.
MEMORY_KIB = 48 * 1024

_numbers = itertools.count()


@dataclass
class Soak:
    cluster: Cluster
    seconds: float
    every: float
    random: random.Random
    done: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    rows: list[tuple[str, int, Usage]] = field(default_factory=list)

    def run(self) -> None:
        """Note down, use for `seconds`, wait until all is quiet, note down."""
        self.note("before")
        began = time.monotonic()
        people = [gevent.spawn(self._person, began + self.seconds) for _ in range(PEOPLE)]
        while (left := began + self.seconds - time.monotonic()) > 0:
            gevent.sleep(min(self.every, left))
            self.note(f"{(time.monotonic() - began) / 60:.0f} min")
        gevent.joinall(people, raise_error=True)
        self.cluster.until(lambda: self.cluster.live_runs() == 0)
        self.cluster.settled()
        self.note("after")

    def note(self, when: str) -> None:
        self.rows.append((when, sum(self.done.values()), self.cluster.most()))

    def leaks(self, before: Usage) -> list[str]:
        """What there is more of than `before`, beyond what pools and allocators keep."""
        memory = self.rows[-1][2]["memory"] - before["memory"]
        grown = [f"{memory} KiB more memory"] if memory > MEMORY_KIB else []
        return [*grown, *self.cluster.leaks(before)]

    def table(self) -> str:
        """The notes as Markdown."""
        lines = [
            "| when | things done | memory of the largest worker | open files | greenlets |",
            "|---|--:|--:|--:|--:|",
        ]
        for when, done, usage in self.rows:
            memory = f"{usage['memory'] / 1024:.0f} MiB"
            cells = (when, str(done), memory, str(usage["files"]), str(usage["greenlets"]))
            lines.append("| " + " | ".join(cells) + " |")
        return "\n".join(lines)

    def _person(self, until: float) -> None:
        acts: list[Callable[[Account], None]] = [
            *(self._reads, self._loses_the_connection, self._stops, self._walks_away, self._browses)
        ]
        while time.monotonic() < until:
            account = Account.sign_up(self.cluster, f"s{next(_numbers)}")
            for _ in range(ACTS_OF_ONE):
                if time.monotonic() > until:
                    return
                act = self.random.choice(acts)
                act(account)
                self.done[act.__name__.strip("_")] += 1

    def _reader(self, account: Account) -> Reader:
        number = next(_numbers)
        return Reader(self.cluster, account, f"Send it s{number}", number % 2)

    def _reads(self, account: Account) -> None:
        reader = self._reader(account)
        reader.read()
        label = reader.question.split()[-1]
        if reader.text != expected(label):
            self.wrong.append(f"{label}: {reader.text!r} {reader.failures}")

    def _loses_the_connection(self, account: Account) -> None:
        reader = self._reader(account)
        losing = [gevent.spawn_later(self.random.uniform(0.5, 5), reader.drop) for _ in range(3)]
        reader.read()
        gevent.killall(losing)
        label = reader.question.split()[-1]
        if reader.text != expected(label):
            self.wrong.append(f"{label}: {reader.text!r} {reader.failures}")

    def _stops(self, account: Account) -> None:
        reader = self._reader(account)
        reading = gevent.spawn(reader.read)
        self.cluster.until(lambda: reader.text)
        node = self.random.choice(self.cluster.nodes)
        answer = requests.post(
            f"{node.url}/runs/{reader.run_id}/stop",
            headers=account.headers | {"Accept": "application/json"},
            timeout=TIMEOUTS,
        )
        if answer.json().get("status") not in ("stopped", "completed"):
            self.wrong.append(f"{reader.question}: stopped, and is {answer.json()}")
        reading.kill()

    def _walks_away(self, account: Account) -> None:
        reader = self._reader(account)
        reading = gevent.spawn(reader.read)
        with suppress(AssertionError):
            self.cluster.until(lambda: reader.text)
        reading.kill()

    def _browses(self, account: Account) -> None:
        for page in PAGES:
            node = self.random.choice(self.cluster.nodes)
            answer = requests.get(node.url + page, headers=account.headers, timeout=TIMEOUTS)
            if not answer.ok:
                self.wrong.append(f"{page}: {answer.status_code}")


def main() -> None:
    end_with_parent()
    parser = argparse.ArgumentParser(description="Use everything for a while; count what stays.")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--every", type=float, default=3, help="minutes between two notes")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that nothing is left running
    model = Model(options.seed)
    chance = random.Random(options.seed)  # noqa: S311
    with (
        tempfile.TemporaryDirectory() as name,
        model.scripted,
        Cluster(Path(name), model.scripted.base_url) as cluster,
    ):
        Soak(cluster, 30, 30, chance).run()  # fills the pools
        soak = Soak(cluster, options.minutes * 60, options.every * 60, chance)
        soak.run()
        leaks = soak.leaks(soak.rows[0][2])
    print(soak.table(), dict(soak.done), sep="\n\n")
    print(*soak.wrong, *leaks, sep="\n")
    sys.exit(bool(soak.wrong or leaks))


if __name__ == "__main__":
    main()
