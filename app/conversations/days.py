"""How long ago something was, by the calendar of its person."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo


def day_in(zone: tzinfo, at: datetime) -> date:
    """Return the day of a stored time in the zone."""
    return at.replace(tzinfo=UTC).astimezone(zone).date()


def period(day: date, today: date) -> str:
    """Return the heading under which a list has what is of this day."""
    ago = today - day
    if ago < timedelta(days=1):
        return "Today"
    if ago < timedelta(days=2):
        return "Yesterday"
    if ago <= timedelta(days=7):
        return "Previous 7 days"
    return "Previous 30 days" if ago <= timedelta(days=30) else f"{day:%B %Y}"
