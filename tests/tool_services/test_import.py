"""`flask --app tool_services.listings import FILE.csv`, on both databases."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import func, select

from tests.support.engines import Engines
from tests.tool_services.conftest import dispose
from tool_services import listings
from tool_services.framework.settings import Settings
from tool_services.framework.tokens import Caller
from tool_services.listings.find_listings import find_listings
from tool_services.listings.models import Area, Listing, ListingHistory, db

# On PostgreSQL as well.
pytestmark = pytest.mark.databases

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
    "Whatever": "is left alone",
}


@pytest.fixture
def app(tmp_path: Path, engines: Engines | None) -> Iterator[Flask]:
    settings: dict[str, Any] = {"instance_dir": tmp_path, "sample_data": False}
    if engines:
        settings["listings_database_url"] = engines.empty()
    app = listings.create_app(Settings.model_validate(settings))
    yield app
    dispose(db, app)


def write(file: Path, rows: Sequence[dict[str, str]], encoding: str = "utf-8") -> Path:
    with file.open("w", newline="", encoding=encoding) as lines:
        writer = csv.DictWriter(lines, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return file


def run(app: Flask, file: Path) -> Result:
    return app.test_cli_runner().invoke(args=["import", str(file)])


def count(app: Flask, model: Any = Listing) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(model)) or 0


def test_a_line_becomes_a_listing_that_is_found(app: Flask, tmp_path: Path) -> None:
    result = run(app, write(tmp_path / "homes.csv", [HOME], "utf-8-sig"))
    assert result.exit_code == 0
    assert result.output.endswith("1 stored, 0 refused.\n")
    with app.app_context():
        found = find_listings({"query": "sauna"}, Caller("ann", "", "", frozenset())).as_json()
    assert found["listings"] == [
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
    assert (count(app, ListingHistory), count(app, Area)) == (1, 1)


def test_importing_again_changes_what_has_changed(app: Flask, tmp_path: Path) -> None:
    file = tmp_path / "homes.csv"
    for _ in range(2):
        assert run(app, write(file, [HOME])).exit_code == 0
    changed = HOME | {
        "ListPrice": "399000",
        "PublicRemarks": "With a pool.",
        "StandardStatus": "Closed",
    }
    assert run(app, write(file, [HOME, changed])).exit_code == 0
    with app.app_context():
        [home] = db.session.scalars(select(Listing))
        assert (home.ListPrice, home.StandardStatus) == (399_000, "Sold")
        nobody = Caller("ann", "", "", frozenset())
        assert find_listings({"query": "pool"}, nobody).total == 1
        assert find_listings({"query": "sauna"}, nobody).total == 0


def test_bad_lines_are_named_with_the_reason_and_the_others_are_stored(
    app: Flask, tmp_path: Path
) -> None:
    rows = [
        HOME,
        HOME | {"ListingId": "r2", "ListPrice": "a lot"},
        HOME | {"ListingId": "r3", "StandardStatus": "Withdrawn", "BedroomsTotal": "-1"},
        HOME | {"ListingId": "", "PublicRemarks": "over\ntwo lines"},
        HOME | {"ListingId": "r5", "OnMarketDate": "yesterday"},
        HOME | {"ListingId": "r6"},
    ]
    result = run(app, write(tmp_path / "homes.csv", rows))
    assert result.exit_code == 1
    assert result.output.endswith("2 stored, 4 refused.\n")
    refused = [line for line in result.output.replace("\r", "\n").splitlines() if "line" in line]
    assert refused[0].startswith("line 3: ListPrice is 'a lot': ")
    assert refused[1].startswith("line 4: BedroomsTotal is '-1': ")
    assert "StandardStatus is 'Withdrawn': Input should be 'Active', 'Pending'" in refused[1]
    assert refused[2] == "line 6: ListingId is missing"
    assert refused[3].startswith("line 7: OnMarketDate is 'yesterday': ")
    assert count(app) == 2


def test_a_line_with_too_many_fields_is_refused(app: Flask, tmp_path: Path) -> None:
    file = write(tmp_path / "homes.csv", [HOME])
    file.write_text(file.read_text() + "a," * 20 + "\r\n")
    result = run(app, file)
    assert "line 3: it has more fields than the first line names" in result.output
    assert count(app) == 1


@pytest.mark.parametrize("text", ["", "ListingId,City\nR1,Boise\n", "\x00\x01"])
def test_a_file_without_the_columns_is_refused_whole(app: Flask, tmp_path: Path, text: str) -> None:
    file = tmp_path / "homes.csv"
    file.write_text(text)
    result = run(app, file)
    assert result.exit_code == 1
    assert "The first line must name the columns; these are missing: " in result.output
    assert "ListPrice" in result.output


def test_a_file_that_is_no_text_is_refused_with_a_sentence(app: Flask, tmp_path: Path) -> None:
    file = write(tmp_path / "homes.csv", [HOME | {"PublicRemarks": "Café"}], "latin-1")
    result = run(app, file)
    assert result.exit_code == 1
    assert "the file isn't UTF-8" in result.output
    assert "Traceback" not in result.output


def test_a_file_that_is_not_there_is_a_sentence(app: Flask, tmp_path: Path) -> None:
    result = run(app, tmp_path / "nowhere.csv")
    assert result.exit_code == 2
    assert "does not exist" in result.output


def test_many_refusals_are_counted_and_the_first_shown(app: Flask, tmp_path: Path) -> None:
    rows = [HOME | {"ListingId": f"r{number}", "ListPrice": "?"} for number in range(150)]
    result = run(app, write(tmp_path / "homes.csv", rows))
    assert result.output.count("line ") == 100
    assert "Only the first 100 refusals are shown." in result.output


def test_a_long_file_is_stored_in_batches(app: Flask, tmp_path: Path) -> None:
    rows = [HOME | {"ListingId": f"r{number}"} for number in range(2_345)]
    assert run(app, write(tmp_path / "homes.csv", rows)).exit_code == 0
    assert count(app) == 2_345
