"""The sample homes, and the history of their markets."""

from __future__ import annotations

from pathlib import Path

from tool_services.framework.samples import Rows, Sample, read_csv
from tool_services.listings.models import Area, Listing, ListingHistory, city_key

_FOLDER = Path(__file__).parent / "sample_data"


def _listings() -> Rows:
    for row in read_csv(Listing, _FOLDER / "listings.csv"):
        yield {**row, "CityKey": city_key(row["City"])}


def _history() -> Rows:
    for row in read_csv(ListingHistory, _FOLDER / "history.csv"):
        yield {**row, "CityKey": city_key(row["City"])}


def _areas() -> Rows:
    names = dict.fromkeys((row["City"], row["StateOrProvince"]) for row in _history())
    for city, state in names:
        yield {"City": city, "StateOrProvince": state, "CityKey": city_key(city)}


SAMPLES = (
    Sample(Listing, _listings),
    Sample(ListingHistory, _history),
    Sample(Area, _areas),
)
