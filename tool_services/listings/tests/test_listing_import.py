"""`flask --app tool_services.listings.app import FILE.csv`: which values become which."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from click.testing import Result
from sqlalchemy import func, select

from tests.tool_services.support.services import Service
from tool_services.listings.models import Area, ListingHistory, db

# On PostgreSQL as well.
pytestmark = pytest.mark.engines

HOME = {
    "ListingId": "r1",
    "StreetAddress": "1 River Road",
    "City": "Boise",
    "StateOrProvince": "Idaho",
    "PostalCode": "83701",
    "ListPrice": "$412,500.00",
    "BedroomsTotal": "3",
    "BathroomsTotalDecimal": "2.5",
    "StandardStatus": "Active Under Contract",
    "PropertySubType": "Condominium",
    "PublicRemarks": "By the river, with a sauna.",
    "OnMarketDate": "2024-03-01T10:00:00Z",
    "Whatever": "is ignored",
}


def run(listings: Service, file: Path, *rows: dict[str, str]) -> Result:
    with file.open("w", newline="") as lines:
        writer = csv.DictWriter(lines, HOME.keys())
        writer.writeheader()
        writer.writerows(rows)
    return listings.app.test_cli_runner().invoke(args=["import", str(file)])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "homes.csv"


def test_a_line_becomes_a_listing_that_is_found(listings: Service, file: Path) -> None:
    assert run(listings, file, HOME).exit_code == 0
    assert listings.call("findListings", {"query": "river sauna"}).result["listings"] == [
        {
            "listingId": "R1",
            "address": "1 River Road",
            "city": "Boise",
            "state": "ID",
            "zipCode": "83701",
            "price": 412_500,
            "bedrooms": 3,
            "bathrooms": 2.5,
            "status": "Pending",
            "propertyType": "Condo",
        }
    ]
    with listings.app.app_context():
        for model in (ListingHistory, Area):
            in_boise = select(func.count()).select_from(model).where(model.CityKey == "boise")
            assert db.session.scalar(in_boise) == 1


def test_importing_again_changes_what_has_changed(listings: Service, file: Path) -> None:
    run(listings, file, HOME)
    changes = {"ListPrice": "399000", "PublicRemarks": "A pool.", "StandardStatus": "Closed"}
    assert run(listings, file, HOME | changes).exit_code == 0
    [home] = listings.call("findListings", {"query": "pool", "city": "Boise"}).result["listings"]
    assert (home["price"], home["status"]) == (399_000, "Sold")
    assert listings.call("findListings", {"query": "river sauna"}).result["total"] == 0


def test_bad_values_are_named_and_the_other_lines_are_stored(listings: Service, file: Path) -> None:
    result = run(
        listings,
        file,
        HOME | {"ListingId": "r2", "ListPrice": "a lot"},
        HOME | {"ListingId": "r3", "StandardStatus": "Withdrawn", "BedroomsTotal": "-1"},
        HOME | {"ListingId": "r5", "OnMarketDate": "yesterday"},
        HOME,
    )
    assert result.exit_code == 1
    assert result.output.endswith("1 stored, 3 refused.\n")
    for words in ("ListPrice is 'a lot'", "BedroomsTotal is '-1'", "StandardStatus is 'Withdrawn'"):
        assert words in result.output
    assert "line 4: OnMarketDate is 'yesterday'" in result.output
