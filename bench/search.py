"""How long a search takes among a million listings: python -m bench.search

Listings are generated (always the same), imported by the command that imports real ones, and
searched for by the function that the findListings tool calls, on SQLite and on PostgreSQL.
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random as Dice
from statistics import median, quantiles
from typing import Any

from scripts import ROOT
from scripts.child_processes import end_with_parent
from scripts.local_servers import Postgres
from scripts.ports import free_port
from tool_services.framework.tokens import Caller
from tool_services.listings.app import create_app
from tool_services.listings.find_listings import Search, find_listings
from tool_services.listings.models import db
from tool_services.listings.settings import ListingsSettings

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
    return [(f"{name}{end}", state) for state in STATES for name in NAMES for end in ENDS]


def generated(count: int) -> Iterator[dict[str, Any]]:
    """Listings in the names of the RESO Data Dictionary; a few cities have most of them."""
    dice = Dice(1)
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
    """What people ask for, each with other figures every time."""
    places = cities()
    Dice(1).shuffle(places)
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


def measure(settings: ListingsSettings, rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each search, the kinds taking turns."""
    app = create_app(settings)
    kinds = searches(Dice(2))
    taken: dict[str, list[float]] = {kind: [] for kind in kinds}
    with app.app_context():
        for number in range(rounds + 3):
            for kind, arguments in kinds.items():
                search = Search.model_validate(arguments())
                began = time.perf_counter()
                find_listings(search, ANYBODY)
                db.session.remove()
                if number >= 3:  # what came before was to warm up
                    taken[kind].append((time.perf_counter() - began) * 1000)
        db.engine.dispose()
    return taken


def write(file: Path, rows: Iterator[dict[str, Any]]) -> None:
    with file.open("w", newline="") as lines:
        first = next(rows)
        writer = csv.DictWriter(lines, first.keys())
        writer.writeheader()
        writer.writerow(first)
        writer.writerows(rows)


def fill(file: Path, url: str, folder: Path) -> float:
    """Import the file as an operator would; in how many seconds."""
    environment = {
        **os.environ,
        "LISTINGS_DATABASE_URL": url,
        "INSTANCE_DIR": str(folder),
        "SAMPLE_DATA": "false",
    }
    command = [sys.executable, "-m", "flask", "--app", "tool_services.listings.app", "import"]
    began = time.monotonic()
    subprocess.run([*command, str(file)], cwd=ROOT, env=environment, check=True)  # noqa: S603
    return time.monotonic() - began


def report(name: str, taken: dict[str, list[float]]) -> None:
    print(f"\n{name}\n\n| search | median | p95 | longest |\n|---|--:|--:|--:|")
    every = [time for times in taken.values() for time in times]
    for kind, times in [*taken.items(), ("**all of them**", every)]:
        p95 = quantiles(times, n=20)[-1]
        print(f"| {kind} | {median(times):.1f} ms | {p95:.1f} ms | {max(times):.1f} ms |")


def main() -> None:
    end_with_parent()
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--listings", type=int, default=1_000_000)
    options.add_argument("--rounds", type=int, default=100, help="searches of each kind")
    options.add_argument("--folder", type=Path, help="it is kept, and what is in it used again")
    chosen = options.parse_args()
    folder = chosen.folder or Path(tempfile.mkdtemp(prefix="homestream-bench-"))
    folder.mkdir(exist_ok=True)
    file = folder / "listings.csv"
    is_new = not file.exists()
    if is_new:
        write(file, generated(chosen.listings))
    print(f"{chosen.listings:,} listings; {platform.machine()}, {os.cpu_count()} cores")
    postgres = Postgres(folder / "postgres", free_port(), durable=True)
    postgres.start()
    try:
        for name, url in (
            ("SQLite", f"sqlite:///{folder / 'listings.db'}"),
            ("PostgreSQL", postgres.url),
        ):
            if is_new:
                print(f"{name}: imported in {fill(file, url, folder):.0f} s")
            settings = ListingsSettings.model_validate(
                {"listings_database_url": url, "instance_dir": folder, "sample_data": False}
            )
            report(name, measure(settings, chosen.rounds))
    finally:
        postgres.stop()


if __name__ == "__main__":
    main()
