"""Times as the services store and write them: UTC, without a zone in the database."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the current time in UTC, without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)


def parse_utc(text: str) -> datetime:
    """Return an ISO 8601 time in UTC, without a zone."""
    return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)


def iso_utc(moment: datetime) -> str:
    """Write a stored time as ISO 8601, such as 2024-01-15T10:30:00Z."""
    return moment.isoformat(timespec="seconds") + "Z"
