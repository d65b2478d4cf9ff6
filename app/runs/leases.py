"""Which worker produces which run: leases in the database, beside the state that they guard.

A lease is renewed by its worker. When it lapses, or when its worker's process is seen to be dead,
one other worker gets the run. Every worker that gets a run raises its `attempt`, and what is stored
of the run is stored only for the attempt in force, so a worker that was thought dead and is not
can spoil nothing. Times are the database's own, since machines' clocks differ.
"""

from __future__ import annotations

import logging
import os
import time
import uuid
from dataclasses import dataclass
from functools import cache
from hashlib import blake2s
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import Float, bindparam, select, update
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from app.db.models import LIVE, LIVE_ROW, Approval, Run, db

log = logging.getLogger(__name__)

_RUNS = Run.__table__.c
_MOST_CLAIMS = 8


class epoch(FunctionElement[float]):  # noqa: N801 - an SQL function
    """The database's own time, in seconds since 1970."""

    type = Float()
    inherit_cache = True


@compiles(epoch)
def _epoch(_element: Any, _compiler: Any, **_options: Any) -> str:
    return "extract(epoch from clock_timestamp())"


@compiles(epoch, "sqlite")
def _epoch_sqlite(_element: Any, _compiler: Any, **_options: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


# Asked twice a second, about all that is being written: they go past the ORM's objects.
_RENEW = (
    update(Run.__table__)
    .where(_RUNS.worker == bindparam("me"), LIVE_ROW)
    .values(lease_until=epoch() + bindparam("held_for", type_=Float))
    .returning(_RUNS.id, _RUNS.attempt, _RUNS.stop_asked)
)
_LAPSED = _RUNS.lease_until <= epoch()
_OTHERS = select(_RUNS.id, _RUNS.worker, _RUNS.attempt, _LAPSED).where(
    LIVE_ROW, _RUNS.worker.is_distinct_from(bindparam("me"))
)


@dataclass(frozen=True)
class Held:
    """A lease in force: the attempt it is for, and whether the run's person wants it stopped."""

    attempt: int
    stop_asked: bool


class Leases:
    """This worker's leases, each for `seconds`. The methods commit, in app contexts of their own,
    and raise what the database raises."""

    def __init__(self, app: Flask, seconds: float) -> None:
        self.seconds = seconds
        self._app = app
        self._uid = uuid.uuid4().hex[:12]
        self._patient_until = 0.0
        self._beat_at: float | None = None

    @property
    def worker(self) -> str:
        """This worker's name. Asked for after the fork, since the process is part of it."""
        return f"{_own_name(os.getpid())}:{self._uid}"

    def terms(self) -> dict[str, Any]:
        """The column values that give a run to this worker."""
        return {"worker": self.worker, "lease_until": epoch() + self.seconds}

    def renew(self) -> dict[str, Held]:
        """Renew every lease that this worker still has; those, by run id."""
        self._notice_a_gap()
        with self._app.app_context():
            mine = {"me": self.worker, "held_for": self.seconds}
            rows = db.session.execute(_RENEW, mine).all()
            db.session.commit()
        return {run_id: Held(attempt, stop_asked) for run_id, attempt, stop_asked in rows}

    def missed(self) -> None:
        """The database could not be asked: when it can be again, the workers that are alive are
        given the time to renew before anybody's lease counts as lapsed."""
        self._patient_until = time.monotonic() + self.seconds

    def claim(self) -> list[str]:
        """Take over runs that nobody holds any more, a few at a time; their ids."""
        with self._app.app_context():
            rows = db.session.execute(_OTHERS, {"me": self.worker}).all()
            patient = time.monotonic() < self._patient_until
            taken = []
            for run_id, worker, attempt, lapsed in rows:
                free = worker is None or is_dead(worker) or (lapsed and not patient)
                if free and self._take(run_id, worker, attempt):
                    taken.append(run_id)
                if len(taken) == _MOST_CLAIMS:
                    break
            return taken

    def _take(self, run_id: str, worker: str | None, attempt: int) -> bool:
        """True for the one worker that gets it, of all that try."""
        # One that only waited for its person can't have been what brought its workers down.
        waits = db.session.scalar(
            select(Approval.id)
            .where(Approval.run_id == run_id, Approval.status == "waiting")
            .limit(1)
        )
        failed = 0 if worker is None or waits else 1
        done = db.session.execute(
            update(Run)
            .where(Run.id == run_id, Run.attempt == attempt, LIVE)
            .values(attempt=attempt + 1, takeovers=Run.takeovers + failed, **self.terms())
            .execution_options(synchronize_session=False)
        )
        db.session.commit()
        if done.rowcount:  # type: ignore[attr-defined]
            log.warning("run %s taken over from %s", run_id, worker or "a worker that left")
        return bool(done.rowcount)  # type: ignore[attr-defined]

    def release(self, run_id: str, attempt: int) -> None:
        """Let another worker have the run at once."""
        with self._app.app_context():
            db.session.execute(
                update(Run)
                .where(Run.id == run_id, Run.attempt == attempt, LIVE)
                .values(worker=None, lease_until=0)
                .execution_options(synchronize_session=False)
            )
            db.session.commit()

    def _notice_a_gap(self) -> None:
        """After a sleep of the whole machine every lease on it has lapsed, and nobody is dead."""
        at = time.time()
        if self._beat_at is not None and at - self._beat_at > self.seconds / 2:
            self.missed()
        self._beat_at = at


def is_dead(worker: str) -> bool:
    """Whether the worker was a process of this machine that is no longer there. A process of
    another machine, or of another container, can't be told."""
    node, pid, started = worker.split(":")[:3]
    return node == _node() and _started(int(pid)) != started


@cache
def _own_name(pid: int) -> str:
    """This process among all that there ever were."""
    return f"{_node()}:{pid}:{_started(pid)}"


@cache
def _node() -> str:
    """The same for all processes that see each other's ids, and for no others."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        seen = f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        seen = f"{uuid.getnode()}/{os.uname().nodename}"
    return blake2s(seen.encode(), digest_size=6).hexdigest()


def _started(pid: int) -> str:
    """When the process began, since ids are used again; "" when there is no such process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return "" if Path("/proc/self/stat").exists() else _answers(pid)
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def _answers(pid: int) -> str:
    """Where there is no /proc to read, a signal tells whether the process is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        pass
    return "alive"
