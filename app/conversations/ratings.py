"""What a person thinks of an answer: good or bad, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from app.db.models import Conversation, Run, db
from app.errors import Conflict, InputError
from app.texts import later

LONGEST_REASON = 1_000
"""Characters."""
_MOST_REASONS = 50


@dataclass(frozen=True)
class RatedAnswer:
    """A rating with its reason, and when the answer ended; whose it is nobody is told."""

    rating: str
    reason: str
    at: datetime


@dataclass(frozen=True)
class RatingSummary:
    """How many answers were rated good and bad, and the latest reasons."""

    good: int
    bad: int
    reasons: Sequence[RatedAnswer]


def summarize_ratings() -> RatingSummary:
    """Summarize everybody's ratings, without those of temporary and deleted conversations."""
    kept = Conversation.shelf.in_(("list", "archive"))
    rated = select(Run.rating, func.count().label("number")).join(
        Conversation, Conversation.id == Run.conversation_id
    )
    rows = db.session.execute(rated.where(kept, Run.rating.is_not(None)).group_by(Run.rating))
    counts = {row.rating: row.number for row in rows}
    latest = (
        select(Run.rating, Run.rating_reason, Run.finished_at)
        .join(Conversation, Conversation.id == Run.conversation_id)
        .where(kept, Run.rating_reason.is_not(None))
        .order_by(Run.finished_at.desc())
        .limit(_MOST_REASONS)
    )
    reasons = [
        RatedAnswer(row.rating, row.rating_reason, row.finished_at)
        for row in db.session.execute(latest)
        if row.finished_at
    ]
    return RatingSummary(counts.get("good", 0), counts.get("bad", 0), reasons)


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
        raise Conflict(later("The answer is still being written. Rate it once it is there."))
    if reason is not None or rating != run.rating:
        run.rating_reason = (reason or "").replace("\0", "").strip() or None
    run.rating = rating
    if rating == "none":
        run.rating = run.rating_reason = None
    db.session.commit()
