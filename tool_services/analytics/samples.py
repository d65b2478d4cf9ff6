"""Interactions with the sample homes.

The file has a line for each home, with the number of each kind. They are spread evenly over the
days that the home has been on the market.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from tool_services.analytics.models import Exposure, Interaction
from tool_services.framework.samples import Rows, Sample
from tool_services.framework.timestamps import parse_utc

_FILE = Path(__file__).parent / "sample_data" / "interactions.csv"
_KINDS = {"view": "Views", "save": "Saves", "inquiry": "Inquiries"}


def _homes() -> Iterator[dict[str, Any]]:
    with _FILE.open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            days = timedelta(days=int(row["DaysOnMarket"]))
            yield {**row, "last": parse_utc(row["LastUpdated"]), "days": days}


def _interactions() -> Rows:
    for home in _homes():
        for kind, column in _KINDS.items():
            count, visitors = int(home[column]), int(home["Visitors"])
            for number in range(count):
                ago = home["days"] * (count - 1 - number) / max(count - 1, 1)
                yield {
                    "ListingId": home["ListingId"],
                    "Kind": kind,
                    "VisitorId": f"{home['ListingId']}-{number % visitors}",
                    "At": home["last"] - ago,
                }


def _exposures() -> Rows:
    for home in _homes():
        days = home["days"].days
        per_day, rest = divmod(int(home["Impressions"]), days)
        for number in range(days):
            yield {
                "ListingId": home["ListingId"],
                "Day": home["last"].date() - timedelta(days=number),
                "Impressions": per_day + (number < rest),
            }


SAMPLES = (Sample(Interaction, _interactions), Sample(Exposure, _exposures))
