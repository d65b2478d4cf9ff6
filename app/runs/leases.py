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
from sqlalchemy import Float, and_, bindparam, exists, func, or_, select, update
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from app.db.models import Approval, Run, db, utc_now

log = logging.getLogger(__name__)

_RUNS = Run.__table__.c
_APPROVALS = Approval.__table__.c
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
    .where(_RUNS.worker == bindparam("me"), Run.live)
    .values(lease_until=epoch() + bindparam("held_for", type_=Float))
    .returning(_RUNS.id, _RUNS.attempt, _RUNS.stop_asked)
)
_LAPSED = _RUNS.lease_until <= epoch()
_RUNNING = _RUNS.status == "running"
_OTHERS = select(
    _RUNS.id, _RUNS.worker, _RUNS.attempt, _RUNS.lease_until, _LAPSED.label("lapsed")
).where(_RUNNING, _RUNS.worker.is_distinct_from(bindparam("me")))
_OTHER_RUNS = Run.__table__.alias("other_runs")
_ALL_RUNNING = (
    select(func.count()).select_from(_OTHER_RUNS).where(_OTHER_RUNS.c.status == "running")
)
_NEXT_QUEUED = (
    select(_RUNS.id, _RUNS.attempt)
    .where(
        _RUNS.status == "queued",
        # One that is only to end takes no place.
        or_(
            _RUNS.stop_asked,
            and_(
                bindparam("room") > 0,
                _ALL_RUNNING.scalar_subquery() < bindparam("max_runs"),
                _ALL_RUNNING.where(_OTHER_RUNS.c.user_id == _RUNS.user_id).scalar_subquery()
                < bindparam("max_runs_per_user"),
            ),
        ),
    )
    .order_by(_RUNS.created_at)
    .limit(1)
)
_EXPIRED = (
    select(_RUNS.id)
    .where(
        _RUNS.status == "waiting",
        ~exists().where(
            _APPROVALS.run_id == _RUNS.id,
            _APPROVALS.status == "waiting",
            _APPROVALS.expires_at > bindparam("now"),
        ),
    )
    .limit(100)
)


@dataclass(frozen=True)
class Held:
    """A lease in force: the attempt it is for, and whether the run's person wants it stopped."""

    attempt: int
    stop_asked: bool


@dataclass(frozen=True)
class Claimed:
    """A run that this worker has taken. `suspended`: it had waited for its person, so no call of it
    was under way. `left_at`: when the lease before this one ended (seconds since 1970), or 0."""

    run_id: str
    suspended: bool = False
    left_at: float = 0


class Leases:
    """This worker's leases, each for `seconds`. The methods commit, in app contexts of their own,
    and raise what the database raises."""

    def __init__(self, app: Flask, seconds: float, max_runs: int, max_runs_per_user: int) -> None:
        self.seconds = seconds
        self._limits = {"max_runs": max_runs, "max_runs_per_user": max_runs_per_user}
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

    def claim(self, room: int) -> list[Claimed]:
        """Take runs whose worker has left or failed, and queued ones while there is `room` for
        more, a few at a time."""
        with self._app.app_context():
            claimed = self._claim_left()
            while len(claimed) < _MOST_CLAIMS:
                limits = {"room": room - len(claimed), **self._limits}
                row = db.session.execute(_NEXT_QUEUED, limits).first()
                if row is None:
                    break
                if self._take(row.id, row.attempt, "queued", failed=False):
                    claimed.append(Claimed(row.id, suspended=True))
            return claimed

    def _claim_left(self) -> list[Claimed]:
        rows = db.session.execute(_OTHERS, {"me": self.worker}).all()
        patient = time.monotonic() < self._patient_until
        dead = {worker for worker in {row.worker for row in rows} if worker and is_dead(worker)}
        claimed: list[Claimed] = []
        for run_id, worker, attempt, lease_until, lapsed in rows:
            if worker is None or worker in dead or (lapsed and not patient):
                if self._take(run_id, attempt, "running", failed=worker is not None):
                    log.warning("run %s taken over from %s", run_id, worker or "a worker that left")
                    claimed.append(Claimed(run_id, left_at=lease_until))
                if len(claimed) == _MOST_CLAIMS:
                    break
        return claimed

    def _take(self, run_id: str, attempt: int, status: str, *, failed: bool) -> bool:
        """True for the one worker that gets it, of all that try."""
        done = db.session.execute(
            update(Run)
            .where(Run.id == run_id, Run.attempt == attempt, Run.status == status)
            .values(
                status="running",
                attempt=attempt + 1,
                takeovers=Run.takeovers + int(failed),
                **self.terms(),
            )
            .execution_options(synchronize_session=False)
        )
        db.session.commit()
        return bool(done.rowcount)  # type: ignore[attr-defined]

    def queue_expired(self) -> None:
        """Let runs go on of which no approval can be decided any more."""
        with self._app.app_context():
            expired = db.session.scalars(_EXPIRED, {"now": utc_now()}).all()
            for run_id in expired:
                # One at a time: two workers that lock several rows may lock each other out.
                queue = update(Run).where(Run.id == run_id, Run.live)
                db.session.execute(queue.values(status=Run.queued_if_waiting()))
                db.session.commit()

    def release(self, run_id: str, attempt: int) -> None:
        """Let another worker have the run at once."""
        with self._app.app_context():
            db.session.execute(
                update(Run)
                .where(Run.id == run_id, Run.attempt == attempt, Run.live)
                .values(worker=None, lease_until=epoch())
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
