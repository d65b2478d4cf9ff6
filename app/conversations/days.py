"""How long ago something was, by the calendar of its person."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo

from babel.dates import format_date
from flask_babel import get_locale, gettext


def day_in(zone: tzinfo, at: datetime) -> date:
    """Return the day of a stored time in the zone."""
    return at.replace(tzinfo=UTC).astimezone(zone).date()


def period(day: date, today: date) -> str:
    """Return the heading under which a list has what is of this day, in the reader's language."""
    ago = today - day
    if ago < timedelta(days=1):
        return str(gettext("Today"))
    if ago < timedelta(days=2):
        return str(gettext("Yesterday"))
    if ago <= timedelta(days=7):
        return str(gettext("Previous 7 days"))
    if ago <= timedelta(days=30):
        return str(gettext("Previous 30 days"))
    return format_date(day, "LLLL y", get_locale() or "en")
