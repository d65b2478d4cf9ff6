"""Which worker produces which run: leases in the database, beside the rows that they protect.

A worker renews its leases. When one lapses, or its worker's process has ended, another worker takes
the run. Every worker that takes a run raises its `attempt`, and the run's rows are only written for
the attempt in force, so a worker that was thought dead and isn't can do no harm. A run that waits
for its person has no lease; once it is queued, any worker takes it.
"""

from __future__ import annotations

import logging
import os
import time
import uuid
from dataclasses import dataclass

from flask import Flask
from sqlalchemy import Float, and_, bindparam, exists, func, or_, select, update

from app.db.clock import epoch
from app.db.models import Approval, Run, db, utc_now
from app.runs.process_identity import is_dead, process_name

log = logging.getLogger(__name__)

_MAX_CLAIMS = 8  # at a time, so that no worker takes all of what another one left
_RUNS = Run.__table__.c
_APPROVALS = Approval.__table__.c

# Executed twice a second for everything that is being written, so they bypass the ORM's objects.
_RENEW = (
    update(Run.__table__)
    .where(_RUNS.worker == bindparam("me"), Run.live)
    .values(lease_until=epoch() + bindparam("seconds", type_=Float))
    .returning(_RUNS.id, _RUNS.attempt, _RUNS.stop_asked)
)
_HELD_BY_OTHERS = select(
    _RUNS.id,
    _RUNS.worker,
    _RUNS.attempt,
    _RUNS.lease_until,
    (_RUNS.lease_until <= epoch()).label("lapsed"),
).where(_RUNS.status == "running", _RUNS.worker.is_distinct_from(bindparam("me")))
_OTHER = Run.__table__.alias("other_runs")
_COUNT_RUNNING = select(func.count()).select_from(_OTHER).where(_OTHER.c.status == "running")
_HAS_PLACE = and_(
    bindparam("room") > 0,
    _COUNT_RUNNING.scalar_subquery() < bindparam("max_runs"),
    _COUNT_RUNNING.where(_OTHER.c.user_id == _RUNS.user_id).scalar_subquery()
    < bindparam("max_runs_per_user"),
)
_NEXT_QUEUED = (
    select(_RUNS.id, _RUNS.attempt)
    # One that is to stop takes no place.
    .where(_RUNS.status == "queued", or_(_RUNS.stop_asked, _HAS_PLACE))
    .order_by(_RUNS.created_at)
    .limit(1)
)
_CAN_BE_DECIDED = exists().where(
    _APPROVALS.run_id == _RUNS.id,
    _APPROVALS.status == "waiting",
    _APPROVALS.expires_at > bindparam("now"),
)
_EXPIRED = select(_RUNS.id).where(_RUNS.status == "waiting", ~_CAN_BE_DECIDED).limit(100)


@dataclass(frozen=True)
class Lease:
    """A lease in force: its attempt, and whether the run's person wants it stopped."""

    attempt: int
    stop_asked: bool


@dataclass(frozen=True)
class Claimed:
    """A run that this worker has taken. `suspended`: it had waited for its person, so no call of it
    was under way. `left_at`: when its last lease ended (seconds since 1970), or 0."""

    run_id: str
    suspended: bool = False
    left_at: float = 0


class Leases:
    """This worker's leases, each for `seconds`. The methods commit, in app contexts of their own,
    and raise what the database raises."""

    def __init__(self, app: Flask, seconds: float, max_runs: int, max_runs_per_user: int) -> None:
        self.seconds = seconds
        self._app = app
        self._limits = {"max_runs": max_runs, "max_runs_per_user": max_runs_per_user}
        self._uid = uuid.uuid4().hex[:12]
        self._trust_until = 0.0
        self._renewed_at: float | None = None

    @property
    def worker(self) -> str:
        """This worker's name. It has the process id in it, so it is only right after the fork."""
        return f"{process_name(os.getpid())}:{self._uid}"

    def renew(self) -> dict[str, Lease]:
        """Renew the leases that this worker still has, and return them by run id."""
        self._notice_sleep()
        with self._app.app_context():
            mine = {"me": self.worker, "seconds": self.seconds}
            rows = db.session.execute(_RENEW, mine).all()
            db.session.commit()
        return {run_id: Lease(attempt, stop_asked) for run_id, attempt, stop_asked in rows}

    def pause_takeovers(self) -> None:
        """Give all workers the time to renew before a lapsed lease counts, after nobody could."""
        self._trust_until = time.monotonic() + self.seconds

    def claim(self, room: int) -> list[Claimed]:
        """Take runs whose worker has left or failed, and queued runs while there is `room`."""
        with self._app.app_context():
            claimed = self._claim_left()
            while len(claimed) < _MAX_CLAIMS:
                limits = {"room": room - len(claimed), **self._limits}
                row = db.session.execute(_NEXT_QUEUED, limits).first()
                if row is None:
                    break
                if self._take(row.id, row.attempt, "queued", failed=False):
                    claimed.append(Claimed(row.id, suspended=True))
            return claimed

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

    def queue_expired(self) -> None:
        """Let the runs go on whose approvals have all expired."""
        with self._app.app_context():
            for run_id in db.session.scalars(_EXPIRED, {"now": utc_now()}).all():
                # One by one: two workers that each lock several rows can block each other.
                run = update(Run).where(Run.id == run_id, Run.live)
                db.session.execute(run.values(status=Run.queued_if_waiting()))
                db.session.commit()

    def _claim_left(self) -> list[Claimed]:
        rows = db.session.execute(_HELD_BY_OTHERS, {"me": self.worker}).all()
        trusting = time.monotonic() < self._trust_until
        dead = {worker for worker in {row.worker for row in rows} if worker and is_dead(worker)}
        claimed: list[Claimed] = []
        for run_id, worker, attempt, lease_until, lapsed in rows:
            if not (worker is None or worker in dead or (lapsed and not trusting)):
                continue
            if self._take(run_id, attempt, "running", failed=worker is not None):
                log.warning("run %s taken over from %s", run_id, worker or "a worker that left")
                claimed.append(Claimed(run_id, left_at=lease_until))
            if len(claimed) == _MAX_CLAIMS:
                break
        return claimed

    def _take(self, run_id: str, attempt: int, status: str, *, failed: bool) -> bool:
        """Whether this worker has got the run, of all that try. `failed`: its last one has."""
        done = db.session.execute(
            update(Run)
            .where(Run.id == run_id, Run.attempt == attempt, Run.status == status)
            .values(
                status="running",
                attempt=attempt + 1,
                takeovers=Run.takeovers + int(failed),
                worker=self.worker,
                lease_until=epoch() + self.seconds,
            )
            .execution_options(synchronize_session=False)
        )
        db.session.commit()
        return bool(done.rowcount)  # type: ignore[attr-defined]

    def _notice_sleep(self) -> None:
        """After the whole machine slept, all its leases have lapsed though no worker is dead."""
        at = time.time()
        if self._renewed_at is not None and at - self._renewed_at > self.seconds / 2:
            self.pause_takeovers()
        self._renewed_at = at
