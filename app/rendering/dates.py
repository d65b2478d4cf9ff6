"""How dates and times are written for people, in their language and time zone. Stored times are
UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, tzinfo

from babel.dates import format_date

from app.rendering.languages import locale

# English with the day first, since that reads the same everywhere.
_LOCALES = {"en": "en_GB"}


def day(at: datetime, zone: tzinfo) -> str:
    """Write a day, such as 27 November 2026."""
    return _day(_local(at, zone))


def moment(at: datetime, zone: tzinfo) -> str:
    """Write a time with its zone, such as 27 November 2026, 14:05 UTC."""
    local = _local(at, zone)
    name = local.tzname() or ""
    # Some zones have no name but their distance, such as +0530.
    name = f"UTC{name}" if name.startswith(("+", "-")) else name
    return f"{_day(local)}, {local:%H:%M} {name}"


def _day(at: date) -> str:
    name = locale().language
    return format_date(at, "long", _LOCALES.get(name, name))


def _local(at: datetime, zone: tzinfo) -> datetime:
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(zone)
