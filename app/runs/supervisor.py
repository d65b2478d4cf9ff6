"""How a run ends whose worker has left it, or failed."""

from __future__ import annotations

import time
from datetime import UTC

from app.db.models import Run
from app.errors import RunFailed
from app.runs.leases import Claimed
from app.runs.recorder import Ending

_MAX_TAKEOVERS = 2
# An answer that was left this long ago is not waited for any more.
_STALE_SECONDS = 3_600

_GIVEN_UP = Ending(
    "failed",
    RunFailed("The servers that wrote this answer failed one after the other.", code="interrupted"),
)
_TOO_LATE = Ending(
    "failed",
    RunFailed("The server was stopped while this answer was being written.", code="interrupted"),
)


def ending_of_claimed(run: Run, claimed: Claimed) -> Ending | None:
    """How a run ends that was taken from another worker; None if it is to go on."""
    if run.stop_asked:
        return Ending("stopped")
    if claimed.suspended:
        return None
    if run.takeovers > _MAX_TAKEOVERS:
        return _GIVEN_UP
    left_at = claimed.left_at or run.created_at.replace(tzinfo=UTC).timestamp()
    return _TOO_LATE if time.time() - left_at > _STALE_SECONDS else None
