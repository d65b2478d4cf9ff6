"""How dates and times are written for people, in their time zone. Stored times are UTC."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo


def day(at: datetime, zone: tzinfo) -> str:
    """Write a day, such as 27 November 2026."""
    return f"{_local(at, zone):%-d %B %Y}"


def moment(at: datetime, zone: tzinfo) -> str:
    """Write a time with its zone, such as 27 November 2026, 14:05 UTC."""
    local = _local(at, zone)
    name = local.tzname() or ""
    # Some zones have no name but their distance, such as +0530.
    name = f"UTC{name}" if name.startswith(("+", "-")) else name
    return f"{local:%-d %B %Y, %H:%M} {name}"


def _local(at: datetime, zone: tzinfo) -> datetime:
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(zone)
