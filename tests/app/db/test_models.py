"""The tables, and how SQLite is set up for them."""

from __future__ import annotations

from app.db.models import db
from tests.support.product import Product


def test_sqlite_lets_readers_and_the_writer_go_on_side_by_side(product: Product) -> None:
    with product.app.app_context():
        assert db.session.scalar(db.text("PRAGMA journal_mode")) == "wal"
        assert db.session.scalar(db.text("PRAGMA foreign_keys")) == 1
