from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, text

from tests.tool_services.conftest import World, dispose
from tool_services import analytics, listings
from tool_services.framework.settings import STOP_EXIT_CODE, Settings
from tool_services.listings.models import Listing, db
from tool_services.listings.text_search import has_words

ROOT = Path(__file__).parents[2]


def settings_for(**values: Any) -> Settings:
    return Settings.model_validate(values)


def seed(package: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "flask", "--app", f"tool_services.{package}", "seed"],
        env={**os.environ, "INSTANCE_DIR": str(folder), "PYTHONPATH": str(ROOT)},
        cwd=folder.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_an_empty_machine_gets_tables_and_sample_rows(tmp_path: Path) -> None:
    app = listings.create_app(settings_for(instance_dir=tmp_path / "new" / "folder"))
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Listing)) == 20
    dispose(db, app)


def test_sqlite_runs_in_wal_mode_with_foreign_keys(world: World) -> None:
    with world.listings.app.app_context():
        pragmas = ("journal_mode", "synchronous", "foreign_keys")
        found = [db.session.scalar(text(f"PRAGMA {name}")) for name in pragmas]
    assert found == ["wal", 1, 1]


def test_a_database_url_may_be_relative_to_the_instance_folder(tmp_path: Path) -> None:
    app = listings.create_app(
        settings_for(instance_dir=tmp_path, listings_database_url="sqlite:///other.db")
    )
    dispose(db, app)
    assert (tmp_path / "other.db").exists()


def test_rows_that_were_changed_stay_as_they_are_after_a_restart(world: World) -> None:
    with world.listings.app.app_context():
        db.session.get_one(Listing, 1).ListPrice = 1
        db.session.commit()
    again = listings.create_app(world.settings)
    with again.app_context():
        assert db.session.get_one(Listing, 1).ListPrice == 1
    dispose(db, again)


def test_seeding_twice_loads_the_rows_once(world: World) -> None:
    for _ in range(2):
        result = world.listings.app.test_cli_runner().invoke(args=["seed"])
        assert result.output == "listings: 20 rows\nlisting_history: 950 rows\nareas: 5 rows\n"
    result = world.analytics.app.test_cli_runner().invoke(args=["seed"])
    assert result.output == "interactions: 28480 rows\nexposures: 452 rows\n"


@pytest.mark.parametrize(
    ("package", "rows"),
    [("listings", "listing_history: 950 rows"), ("analytics", "interactions: 28480 rows")],
)
def test_processes_that_start_at_once_seed_once(tmp_path: Path, package: str, rows: str) -> None:
    started = [seed(package, tmp_path / "instance") for _ in range(4)]
    ended = [process.communicate(timeout=60) for process in started]
    assert [process.returncode for process in started] == [0] * 4, ended
    assert len({output for output, _ in ended}) == 1
    assert rows in ended[0][0]


@pytest.mark.parametrize(
    "url", ["sqlite:////dev/null/no/such.db", "nosuch://host/db", "no url", "postgresql://u:pw@h/d"]
)
def test_a_database_that_cannot_be_opened_stops_the_start_with_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], url: str
) -> None:
    with pytest.raises(SystemExit) as stopped:
        analytics.create_app(settings_for(instance_dir=tmp_path, analytics_database_url=url))
    sentence = capsys.readouterr().err
    assert stopped.value.code == STOP_EXIT_CODE
    assert sentence.startswith("The database that ANALYTICS_DATABASE_URL names can't be opened: ")
    assert "pw" not in sentence


def test_listings_from_before_there_were_migrations_are_kept(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "listings.db") as old:
        old.executescript(
            """
            CREATE TABLE listings (
                "ListingId" VARCHAR PRIMARY KEY, "StreetAddress" VARCHAR, "City" VARCHAR,
                "StateOrProvince" VARCHAR, "PostalCode" VARCHAR, "ListPrice" INTEGER,
                "BedroomsTotal" INTEGER, "BathroomsTotal" FLOAT, "StandardStatus" VARCHAR
            );
            CREATE INDEX "ix_listings_ListPrice" ON listings ("ListPrice");
            INSERT INTO listings VALUES
                ('X1', '1 Old Road', 'Bend', 'OR', '97701', 400000, 2, 1.5, 'Active');
            """
        )
    app = listings.create_app(settings_for(instance_dir=tmp_path))
    with app.app_context():
        [kept] = db.session.scalars(select(Listing))
        assert (kept.ListingId, kept.CityKey, kept.full_address) == (
            "X1",
            "bend",
            "1 Old Road, Bend, OR 97701",
        )
        assert db.session.scalar(select(Listing.Key).where(has_words("old road"))) == kept.Key
    dispose(db, app)


def test_empty_tables_stay_empty_where_no_samples_are_wanted(tmp_path: Path) -> None:
    app = listings.create_app(settings_for(instance_dir=tmp_path, sample_data=False))
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Listing)) == 0
    dispose(db, app)
