"""The tables: what the migrations make is what the models say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask_migrate import downgrade, upgrade

from app.db.models import db
from tests.support.product import Product
from tests.support.seeded_databases import MIGRATIONS

ROOT = Path(__file__).resolve().parents[3]
DOMAIN = re.compile(r"(?i)\b(bedroom|listing|real.?estate|realtor)")


def test_the_migrations_make_what_the_models_say(product: Product) -> None:
    with product.app.app_context(), db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, db.metadata) == []


def test_the_migrations_can_be_taken_back_and_run_again(product: Product) -> None:
    with product.app.app_context():
        downgrade(MIGRATIONS, revision="base")
        assert db.inspect(db.engine).get_table_names() == ["alembic_version"]
        upgrade(MIGRATIONS)
        assert "runs" in db.inspect(db.engine).get_table_names()


@pytest.mark.embedded
def test_sqlite_lets_readers_and_the_writer_go_on_side_by_side(product: Product) -> None:
    with product.app.app_context():
        assert db.session.scalar(db.text("PRAGMA journal_mode")) == "wal"
        assert db.session.scalar(db.text("PRAGMA foreign_keys")) == 1


def test_the_engine_knows_nothing_of_the_domain() -> None:
    found = [
        f"{path.name}: {match[0]}"
        for path in (ROOT / "app").rglob("*.py")
        for match in DOMAIN.finditer(path.read_text())
    ]
    assert found == []


def test_own_scripts_stay_small() -> None:
    for path in (ROOT / "app" / "static").glob("*.js"):
        assert len(path.read_text().splitlines()) < 60
