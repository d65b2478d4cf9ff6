"""Dates and times as people read them."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from app.rendering.dates import day, moment

LATE = datetime(2026, 7, 31, 23, 5)


def test_a_stored_time_is_told_in_the_readers_zone_and_names_it() -> None:
    assert day(LATE, UTC) == "31 July 2026"
    assert moment(LATE, UTC) == "31 July 2026, 23:05 UTC"
    assert day(LATE, ZoneInfo("Europe/Berlin")) == "1 August 2026"
    assert moment(LATE, ZoneInfo("Europe/Berlin")) == "1 August 2026, 01:05 CEST"
    assert moment(LATE, ZoneInfo("Asia/Dubai")) == "1 August 2026, 03:05 UTC+04"
