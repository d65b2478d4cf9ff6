"""What a person thinks of an answer: good or bad, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.db.models import Run, db
from app.errors import Conflict, InputError

LONGEST_REASON = 1_000
"""Characters."""


def rate(run: Run, values: Mapping[str, Any]) -> None:
    """Store the rating that a form or a JSON object has, or remove it, and commit.

    Without a reason the one that is there stays, unless the rating changes. Raises InputError and
    Conflict.
    """
    rating, reason = values.get("rating"), values.get("reason")
    if rating not in ("good", "bad", "none"):
        raise InputError("rating must be good, bad or none.", field="rating")
    if reason is not None and not isinstance(reason, str):
        raise InputError("reason must be a text.", field="reason")
    if reason and len(reason) > LONGEST_REASON:
        raise InputError(
            f"That is {len(reason):,} characters; a reason has at most {LONGEST_REASON:,}.",
            field="reason",
        )
    if run.live:
        raise Conflict("The answer is still being written. Rate it once it is there.")
    if reason is not None or rating != run.rating:
        run.rating_reason = (reason or "").replace("\0", "").strip() or None
    run.rating = rating
    if rating == "none":
        run.rating = run.rating_reason = None
    db.session.commit()
