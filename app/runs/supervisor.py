"""How a run ends whose worker has left it, or failed."""

from __future__ import annotations

from datetime import timedelta

from app.db.models import Run, utc_now
from app.errors import RunFailed
from app.runs.recorder import Ending
from app.tools.approvals import waiting_approvals

_MOST_TAKEOVERS = 2
# An answer that was left this long ago is not waited for any more.
_STALE = timedelta(hours=1)

_GIVEN_UP = Ending(
    "failed",
    RunFailed("The servers that wrote this answer failed one after the other.", code="interrupted"),
)
_TOO_LATE = Ending(
    "failed",
    RunFailed("The server was stopped while this answer was being written.", code="interrupted"),
)


def ending_after_lost_worker(run: Run) -> Ending | None:
    """How a run ends that its worker has left; None when it is to go on."""
    if run.stop_asked:
        return Ending("stopped")
    if run.takeovers > _MOST_TAKEOVERS:
        return _GIVEN_UP
    if any(approval.expires_at > utc_now() for approval in waiting_approvals(run.id)):
        return None
    return _TOO_LATE if utc_now() - run.created_at > _STALE else None
