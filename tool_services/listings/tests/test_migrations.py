"""Databases of earlier versions."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy import select

from tests.tool_services.support.own_services import create_app
from tool_services.listings.models import Listing, db
from tool_services.listings.text_search import contains_words


def test_listings_older_than_the_migrations_are_kept_and_found(tmp_path: Path) -> None:
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
    app = create_app("listings", {"instance_dir": tmp_path})
    with app.app_context():
        [kept] = db.session.scalars(select(Listing))
        assert (kept.ListingId, kept.CityKey) == ("X1", "bend")
        assert kept.full_address == "1 Old Road, Bend, OR 97701"
        assert db.session.scalar(select(Listing.Key).where(contains_words("old road"))) == kept.Key
        db.engine.dispose()
