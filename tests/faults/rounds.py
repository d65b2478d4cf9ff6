"""Rounds: many answers at once, one fault at a random time, and the count of what it cost."""

from __future__ import annotations

import itertools
import os
import random
import re
import signal
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import gevent
import requests

from tests.faults.cluster import FIRST_TOKEN_SECONDS, Cluster
from tests.faults.readers import Account, Reader
from tests.support.scripted_model import (
    RecordedRequest,
    Reply,
    ScriptedModel,
    reply,
    text,
    tool_call,
)
from tests.support.scripted_replies import Completion

WORDS = 50
PACE = 0.08
ACCOUNTS = 4
LONGEST = 90.0
AWAY_SECONDS = 2.0
_BEFORE = "I send it. "


def words(label: str) -> list[str]:
    return [f"{label}-{number} " for number in range(WORDS)]


def expected(label: str) -> str:
    return f"{_BEFORE}\n\n{''.join(words(label))}"


def sign_up_people(cluster: Cluster) -> list[Account]:
    return [Account.sign_up(cluster, f"person{n}") for n in range(ACCOUNTS)]


class Model:
    """Sends a letter (once, if the person's answer isn't begun anew), then writes its words."""

    def __init__(self, seed: int) -> None:
        self.scripted = ScriptedModel()
        self.scripted.script(reply(self._answer))
        self.harmless = False
        self._random = random.Random(seed)  # noqa: S311

    def _answer(self, record: RecordedRequest) -> Reply:
        label = re.findall(r"\S+", record.last_user_text)[-1]
        last = record.body["messages"][-1]
        failed = last["role"] == "tool" and '"error"' in last["content"]
        if last["role"] == "user" or failed:
            # The wait before another try is what an endpoint takes; it gives the service time too.
            wait = 1.0 if failed else self._random.uniform(0, 1.5)
            return _after(wait, self._call(label, "" if failed else _BEFORE))
        return text(*words(label), pace=PACE)

    def _call(self, label: str, before: str) -> Completion:
        if self.harmless:
            return tool_call("findNotes", {"limit": 2}, text_before=before)
        arguments = {"notes": ["first"], "recipientEmail": f"{label}@example.com"}
        return tool_call("sendNotes", arguments, text_before=before)


def _after(seconds: float, then: Completion) -> Completion:
    return replace(then, first_delay=seconds)


@dataclass
class Fault:
    """`strike` does it and undoes it."""

    name: str
    strike: Callable[[Round], None]
    harmless: bool = False  # failed answers are tried again, which would send a letter again


@dataclass
class Result:
    fault: str
    answers: int = 0
    lost: int = 0
    doubled: int = 0
    sent_twice: int = 0
    stuck: int = 0
    leaked: int = 0
    retried: int = 0
    anew: int = 0
    gaps: list[float] = field(default_factory=list)
    """Seconds from the fault to the next text, of each reader who lost the connection or whose
    answer another worker took over."""
    wrong: list[str] = field(default_factory=list)

    def losses(self) -> int:
        return self.lost + self.doubled + self.sent_twice + self.stuck + self.leaked


@dataclass
class Round:
    """`streams` answers at once, of these people, and one fault among them."""

    cluster: Cluster
    model: Model
    people: Sequence[Account]
    random: random.Random
    label: str
    streams: int
    readers: list[Reader] = field(default_factory=list)
    struck_at: float = 0.0

    def run(self, fault: Fault) -> Result:
        self.model.harmless = fault.harmless
        people = itertools.islice(itertools.cycle(self.people), self.streams)
        self.readers = [
            Reader(self.cluster, person, f"Send it {self.label}r{n}", n % 2)
            for n, person in enumerate(people)
        ]
        reading = [gevent.spawn(reader.read) for reader in self.readers]
        self.cluster.until(lambda: all(reader.run_id for reader in self.readers))
        gevent.sleep(self.random.uniform(0.2, 3.0))
        self.struck_at = time.monotonic()
        fault.strike(self)
        gevent.joinall(reading, timeout=LONGEST)
        gevent.killall(reading)
        self.cluster.wait_until_ready()
        return self._count(fault)

    def _count(self, fault: Fault) -> Result:
        result = Result(fault.name, len(self.readers))
        for reader in self.readers:
            self._compare(reader, result)
        with suppress(AssertionError):
            self.cluster.until(lambda: self.cluster.live_runs() == 0, 10)
        with suppress(AssertionError):
            self.cluster.until(lambda: self.cluster.open_streams() == 0, 15)
        result.stuck = self.cluster.live_runs()
        result.leaked = self.cluster.open_streams()
        if not fault.harmless:
            for account in self.people:
                result.sent_twice += self._sent_twice(account, result)
        return result

    def _compare(self, reader: Reader, result: Result) -> None:
        label = reader.question.split()[-1]
        right = expected(label)
        if reader.status != "completed" or reader.text != right:
            result.wrong.append(f"{label}: {reader.status} {reader.text!r} {reader.errors}")
        want, have = Counter(right.split()), Counter(reader.text.split())
        result.lost += sum(map(len, (want - have).elements()))
        result.doubled += sum(map(len, (have - want).elements()))
        if reader.text != right and not (want - have or have - want):
            result.lost += 1  # the same words in another order, or other spaces
        result.retried += reader.retries
        result.anew += reader.anew
        had = max((length for at, length in reader.came if at <= self.struck_at), default=0)
        more = [at for at, length in reader.came if at > self.struck_at and length > had]
        if had and more and reader.disturbed:
            result.gaps.append(more[0] - self.struck_at)

    def _sent_twice(self, account: Account, result: Result) -> int:
        headers = account.headers | {"Accept": "application/json"}
        answer = requests.get(f"{self.cluster.nodes[0].url}/outbox", headers=headers, timeout=60)
        sent = Counter(message["recipient"] for message in answer.json()["messages"])
        own = [r.question.split()[-1] for r in self.readers if r.account is account]
        for label in own:
            if sent[f"{label.lower()}@example.com"] != 1:
                reader = next(r for r in self.readers if r.question.endswith(f" {label}"))
                times = sent[f"{label.lower()}@example.com"]
                result.wrong.append(f"{label}: sent {times} times; {reader.failures}")
                result.lost += sent[f"{label.lower()}@example.com"] == 0
        return sum(count - 1 for count in sent.values())


def kill_worker(round: Round) -> None:
    os.kill(round.random.choice(round.cluster.workers()), signal.SIGKILL)


def terminate_node(round: Round) -> None:
    node = round.random.choice(round.cluster.nodes)
    node.end(signal.SIGTERM)
    node.start()


def kill_node(round: Round) -> None:
    """As when a machine loses its power; nobody on it can say goodbye."""
    node = round.random.choice(round.cluster.nodes)
    node.end(signal.SIGKILL)
    gevent.sleep(AWAY_SECONDS)
    node.start()


def reload_node(round: Round) -> None:
    for node in round.cluster.nodes:
        before = set(node.workers())
        node.tell(signal.SIGHUP)
        round.cluster.until(lambda n=node, old=before: not old & set(n.workers()))  # type: ignore[misc]


def cut_readers(round: Round) -> None:
    for reader in round.readers:
        reader.drop()


def restart_redis(round: Round) -> None:
    round.cluster.valkey.stop()
    gevent.sleep(AWAY_SECONDS)
    round.cluster.valkey.start()


def restart_postgres(round: Round) -> None:
    round.cluster.postgres.stop()
    gevent.sleep(AWAY_SECONDS)
    round.cluster.postgres.start()


def kill_service(round: Round) -> None:
    round.cluster.services["notes"].end(signal.SIGKILL)
    gevent.sleep(AWAY_SECONDS / 2)
    round.cluster.services["notes"].start()


def stall_model(round: Round) -> None:
    round.model.scripted.stalled = True
    gevent.sleep(FIRST_TOKEN_SECONDS + AWAY_SECONDS)
    round.model.scripted.stalled = False


def cut_model(round: Round) -> None:
    round.model.scripted.cut()


def nothing(round: Round) -> None:
    """What it is like without a fault, to compare with."""


CONTROL = Fault("none, to compare with", nothing)
FAULTS = [
    Fault("kill -9 of a worker", kill_worker),
    Fault("kill -9 of a node", kill_node),
    Fault("SIGTERM to a node", terminate_node),
    Fault("rolling reload (SIGHUP)", reload_node),
    Fault("every reader's connection cut", cut_readers),
    Fault("Redis stopped and started", restart_redis),
    Fault("PostgreSQL stopped and started", restart_postgres),
    Fault("a tool service killed in mid-call", kill_service),
    Fault("the model stalls", stall_model, harmless=True),
    Fault("the model cuts the connection", cut_model, harmless=True),
]


def table(results: list[Result]) -> str:
    """The results by fault, as Markdown."""
    lines = [
        "| fault | rounds | answers | characters lost | doubled | sent twice | runs stuck | "
        "streams leaked | to the next text, median | worst |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name in dict.fromkeys(result.fault for result in results):
        rows = [result for result in results if result.fault == name]
        gaps = [gap for row in rows for gap in row.gaps]
        sums = [len(rows)] + [
            sum(getattr(row, key) for row in rows)
            for key in ("answers", "lost", "doubled", "sent_twice", "stuck", "leaked")
        ]
        times = [f"{statistics.median(gaps):.1f} s", f"{max(gaps):.1f} s"] if gaps else ["-", "-"]
        lines.append("| " + " | ".join([name, *map(str, sums), *times]) + " |")
    return "\n".join(lines)
