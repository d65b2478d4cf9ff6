"""The interactions with the sample homes: as many of each kind as the file says, spread evenly
over the days that a home has been on the market."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tool_services.analytics.models import Exposure, Interaction
from tool_services.framework.database import Rows, Sample

_FILE = Path(__file__).parent / "sample_data" / "interactions.csv"
_KINDS = {"view": "Views", "save": "Saves", "inquiry": "Inquiries"}


def _homes() -> Iterator[dict[str, Any]]:
    with _FILE.open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            last = datetime.fromisoformat(row["LastUpdated"]).astimezone(UTC).replace(tzinfo=None)
            yield {**row, "last": last, "span": timedelta(days=int(row["DaysOnMarket"]))}


def _interactions() -> Rows:
    for home in _homes():
        for kind, column in _KINDS.items():
            count, visitors = int(home[column]), int(home["Visitors"])
            for number in range(count):
                ago = home["span"] * (count - 1 - number) / max(count - 1, 1)
                yield {
                    "ListingId": home["ListingId"],
                    "Kind": kind,
                    "VisitorId": f"{home['ListingId']}-{number % visitors}",
                    "At": home["last"] - ago,
                }


def _exposures() -> Rows:
    for home in _homes():
        days = home["span"].days
        whole, rest = divmod(int(home["Impressions"]), days)
        for number in range(days):
            yield {
                "ListingId": home["ListingId"],
                "Day": home["last"].date() - timedelta(days=number),
                "Impressions": whole + (number < rest),
            }


SAMPLES = (Sample(Interaction, _interactions), Sample(Exposure, _exposures))
