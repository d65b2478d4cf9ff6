"""How long a search among a million listings takes, for docs/search.md:
python -m tool_services.listings.tests.measure_search

Generates listings (always the same), imports them by the command for real ones, and searches them
by the function of the findListings tool, on SQLite and on PostgreSQL.
"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random as Dice
from typing import Any

from bench.search_times import Spent, databases, main, measure, report
from scripts import ROOT
from tool_services.all_services import service, settings_class
from tool_services.framework.app_factory import create_app
from tool_services.framework.tokens import Caller
from tool_services.listings.models import db
from tool_services.listings.tools.find_listings import Search, find_listings

LISTINGS = "tool_services.app:create_app('listings')"
STATES = """
    AL AZ CA CO FL GA ID IL MA MI MN NC NJ NM NV NY OH OR PA TX UT VA WA WI
""".split()  # noqa: SIM905
NAMES = """
    Spring River Lake Oak Maple Cedar Mill Fair Green West East North South High Glen
""".split()  # noqa: SIM905
ENDS = """
    field ton ville wood port dale view burg ford haven mont side ridge gate land
""".split()  # noqa: SIM905
KINDS = ("Single Family Residence", "Condominium", "Townhouse", "Duplex", "Manufactured Home")
FEATURES = [
    "view of the lake",
    "roof terrace",
    "new kitchen",
    "heat pump",
    "solar panels",
    "fenced garden",
    "wood floors",
    "finished basement",
    "home office",
    "guest suite",
    "large deck",
    "wine cellar",
    "heated pool",
    "fireplace",
    "close to schools",
    "near the light rail",
    "quiet street",
    "corner lot",
    "high ceilings",
    "open kitchen",
    "two car garage",
    "mountain view",
    "walk-in closet",
    "private dock",
    "sauna",
    "workshop",
    "orchard",
    "horse barn",
]
ANYBODY = Caller("bench", "", "", frozenset())


def cities() -> list[tuple[str, str]]:
    """Return names of cities, each with its state."""
    return [(f"{name}{end}", state) for state in STATES for name in NAMES for end in ENDS]


def generate(count: int) -> Iterator[dict[str, Any]]:
    """Yield listings with the names of the RESO Data Dictionary. A few cities have most of them."""
    dice = Dice(1)  # noqa: S311 # nosec B311
    places = cities()
    dice.shuffle(places)
    weights = [1 / (rank + 10) for rank in range(len(places))]
    for number, (city, state) in enumerate(dice.choices(places, weights, k=count)):
        bedrooms = min(int(dice.gammavariate(4, 0.9)), 9)
        yield {
            "ListingId": f"G{number:07}",
            "StreetAddress": f"{dice.randrange(1, 9999)} {dice.choice(NAMES)} Street",
            "City": city,
            "StateOrProvince": state,
            "PostalCode": f"{dice.randrange(10_000, 99_999)}",
            "ListPrice": int(dice.lognormvariate(13, 0.5)) // 1000 * 1000 + 1000,
            "BedroomsTotal": bedrooms,
            "BathroomsTotalDecimal": max(1, bedrooms - dice.randrange(3)),
            "StandardStatus": dice.choices(("Active", "Pending", "Closed"), (6, 2, 2))[0],
            "PropertySubType": dice.choices(KINDS, (60, 20, 12, 5, 3))[0],
            "PublicRemarks": f"Home with {', '.join(dice.sample(FEATURES, 4))}.",
            "OnMarketDate": f"2026-{dice.randrange(1, 12):02}-{dice.randrange(1, 28):02}",
        }


def searches(dice: Dice) -> dict[str, Callable[[], dict[str, Any]]]:
    """Return kinds of searches; each call makes one with other values."""
    places = cities()
    Dice(1).shuffle(places)  # noqa: S311 # nosec B311
    busy = places[:200]

    def city() -> dict[str, Any]:
        name, state = dice.choice(busy)
        return {"city": name, "state": state}

    def price() -> int:
        return dice.randrange(200, 900) * 1000

    def state() -> str:
        return dice.choice(STATES)

    return {
        "city, bedrooms, highest price": lambda: {
            **city(),
            "minBedrooms": dice.randrange(2, 5),
            "maxPrice": price(),
        },
        "state, type, bathrooms, lowest price": lambda: {
            "state": state(),
            "propertyType": "Condo",
            "minBathrooms": 2,
            "minPrice": price(),
        },
        "a range of prices, everywhere": lambda: {
            "minPrice": (low := price()),
            "maxPrice": low + 50_000,
        },
        "the newest in a city": lambda: {**city(), "sort": "newest"},
        "the dearest that are for sale": lambda: {
            "sort": "dearest",
            "status": "Active",
            "maxPrice": price(),
        },
        "many rooms for little money": lambda: {"minBedrooms": 7, "maxPrice": 150_000},
        "a later page of a city": lambda: {**city(), "page": dice.randrange(2, 20)},
        "words in a city": lambda: {**city(), "query": dice.choice(FEATURES)},
        "words in a state, highest price": lambda: {
            "state": state(),
            "query": dice.choice(FEATURES),
            "maxPrice": price(),
        },
        "two features, everywhere": lambda: {"query": " ".join(dice.sample(FEATURES, 2))},
    }


def measure_on(settings: Any, rounds: int) -> dict[str, list[Spent]]:
    """Return what each search took on the database of these settings, by its kind."""
    by_kind = searches(Dice(2))  # noqa: S311 # nosec B311
    kinds = {kind: partial(query_of, values) for kind, values in by_kind.items()}
    with create_app(service("listings"), settings).app_context():
        times = measure(kinds, search_once, rounds)
        db.engine.dispose()
    return times


def query_of(next_values: Callable[[], dict[str, Any]]) -> Search:
    return Search.model_validate(next_values())


def search_once(query: Search) -> None:
    find_listings.function(query)
    db.session.remove()


def write_csv(file: Path, rows: Iterator[dict[str, Any]]) -> None:
    with file.open("w", newline="") as lines:
        first = next(rows)
        writer = csv.DictWriter(lines, first.keys())
        writer.writeheader()
        writer.writerow(first)
        writer.writerows(rows)


def import_listings(file: Path, url: str, folder: Path) -> float:
    """Import the file as an operator would. Returns the seconds that it took."""
    environment = {
        **os.environ,
        "LISTINGS_DATABASE_URL": url,
        "INSTANCE_DIR": str(folder),
        "SAMPLE_DATA": "false",
    }
    command = [sys.executable, "-m", "flask", "--app", LISTINGS, "import"]
    began = time.monotonic()
    subprocess.run([*command, str(file)], cwd=ROOT, env=environment, check=True)
    return time.monotonic() - began


def run(folder: Path, count: int, rounds: int) -> None:
    """Measure on both databases. Uses what an earlier run has left in the folder."""
    file = folder / "listings.csv"
    is_new = not file.exists()
    if is_new:
        write_csv(file, generate(count))
    with databases(folder, "listings.db") as urls:
        for name, url in urls.items():
            if is_new:
                print(f"{name}: imported in {import_listings(file, url, folder):.0f} s")
            settings = settings_class().model_validate(
                {"listings_database_url": url, "instance_dir": folder, "sample_data": False}
            )
            report(name, measure_on(settings, rounds))


if __name__ == "__main__":
    main(run, __doc__, "listings", 1_000_000)
