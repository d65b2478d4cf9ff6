"""How many reports may leave within an hour, counted in the outbox, for all processes together."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, select, text

from tool_services.framework.timestamps import utc_now
from tool_services.listings.errors import TooManyReportsError
from tool_services.listings.models import OutboxMessage, db

HOUR = timedelta(hours=1)
# Any number that no other lock of this database has.
_LOCK = 7_308_331


@dataclass(frozen=True)
class ReportLimits:
    """The most reports within an hour: of one person, and to one address.

    A report that failed doesn't count, since it was not sent.
    """

    per_sender: int
    per_recipient: int

    def check(self, message: OutboxMessage) -> None:
        """Check a report that is inserted but not committed yet. Raises TooManyReportsError."""
        _wait_for_turn()
        by_sender = OutboxMessage.UserId == message.UserId
        if free := _full_until(by_sender, self.per_sender):
            whose = f"You have written {self.per_sender} reports within an hour"
            raise _too_many(whose, free)
        to_recipient = OutboxMessage.RecipientKey == message.RecipientKey
        if free := _full_until(to_recipient, self.per_recipient):
            whose = f"{message.Recipient} was written {self.per_recipient} reports within an hour"
            raise _too_many(whose, free)


def recipient_key(address: str) -> str:
    """Return an address for comparison: most mail servers ignore the case of its letters."""
    return address.casefold()


def _wait_for_turn() -> None:
    """Let no other process count until this transaction ends, so that none counts too few.

    On SQLite the insert before this has locked the database already.
    """
    if db.session.connection().dialect.name == "postgresql":
        db.session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


def _full_until(condition: ColumnElement[bool], most: int) -> datetime | None:
    """Return when there is room again, or None if there is. The newest is the one to come."""
    since = utc_now() - HOUR
    counted: Any = (condition, OutboxMessage.CreatedAt > since, OutboxMessage.Delivery != "failed")
    newest = select(OutboxMessage.CreatedAt).where(*counted)
    oldest = newest.order_by(OutboxMessage.CreatedAt.desc()).offset(most).limit(1)
    blocking: datetime | None = db.session.scalar(oldest)
    return blocking and blocking + HOUR


def _too_many(whose: str, free: datetime) -> TooManyReportsError:
    seconds = max(1, math.ceil((free - utc_now()).total_seconds()))
    minutes = math.ceil(seconds / 60)
    wait = f"{minutes} minute{'' if minutes == 1 else 's'}"
    return TooManyReportsError(
        f"{whose}, which is the limit. Nothing was sent. Try again in {wait}.",
        {"Retry-After": str(seconds)},
    )
