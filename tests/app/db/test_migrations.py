"""Migrations: they make what the models say, and nodes are upgraded one after the other."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import gevent
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask_migrate import downgrade, upgrade
from sqlalchemy import func, inspect, select, table

from app.conversations.search import search
from app.db.connection import add_migrations
from app.db.models import db
from tests.support.product import Person, Product, eventually, text_of
from tests.support.scripted_model import ScriptedModel
from tests.support.scripted_replies import text
from tests.support.seeded_databases import MIGRATIONS

pytestmark = pytest.mark.engines


@pytest.fixture
def product(product: Product) -> Product:
    """The product as a command such as `flask db` has it."""
    add_migrations(product.app)
    return product


NEXT_REVISION = '''
"""What a newer version of the code may add."""

import sqlalchemy as sa
from alembic import op

revision = "next"
down_revision = "{head}"


def upgrade():
    op.create_table("labels", sa.Column("id", sa.String(32), primary_key=True))
    for table in ("users", "conversations", "messages", "runs", "steps", "tool_calls"):
        with op.batch_alter_table(table) as changed:
            changed.add_column(sa.Column("note", sa.Text(), nullable=True))
            changed.add_column(sa.Column("rank", sa.Integer(), nullable=False, server_default="1"))
'''


def test_the_migrations_make_what_the_models_say(product: Product) -> None:
    with product.app.app_context(), db.engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={"compare_type": True} | product.app.extensions["migrate"].configure_args,
        )
        assert compare_metadata(context, db.metadata) == []


def test_the_migrations_can_be_taken_back_and_run_again(product: Product) -> None:
    product.services.stop()  # what it asks the database meanwhile could deadlock with the DDL
    with product.app.app_context():
        downgrade(MIGRATIONS, revision="base")
        assert inspect(db.engine).get_table_names() == ["alembic_version"]
        upgrade(MIGRATIONS)
        assert "runs" in inspect(db.engine).get_table_names()


def test_a_migration_that_is_taken_back_leaves_the_rows_that_were_there(
    product: Product, alice: Person, model: ScriptedModel
) -> None:
    model.script(text("Hello"))
    alice.ask("Hello").until("done")
    product.services.stop()
    kept = [
        table("users"),
        table("conversations"),
        table("messages"),
        table("runs"),
        table("steps"),
    ]
    counted = select(*(select(func.count()).select_from(each).scalar_subquery() for each in kept))
    with product.app.app_context():
        for revision in later_revisions()[::-1]:
            downgrade(MIGRATIONS, revision=f"{revision}-1")
            with db.engine.connect() as connection:
                assert tuple(connection.execute(counted).one()) == (1, 1, 2, 1, 1), revision


def test_a_migration_takes_nothing_away_that_older_code_needs(product: Product) -> None:
    product.services.stop()  # what it asks the database meanwhile could deadlock with the DDL
    with product.app.app_context():
        downgrade(MIGRATIONS, revision="0001")
        older = tables()
        for revision in later_revisions():
            upgrade(MIGRATIONS, revision=revision)
            newer = tables()
            for table, columns in older.items():
                assert columns.keys() <= newer[table].keys(), f"{revision} removes from {table}"
                for name in newer[table].keys() - columns.keys():
                    column = newer[table][name]
                    filled = column["nullable"] or column["default"] is not None
                    assert filled, f"{revision} adds {table}.{name}, which older code leaves out"
            older = newer


def test_a_question_asked_before_the_migration_is_found_by_the_names_of_its_files(
    product: Product, alice: Person, model: ScriptedModel
) -> None:
    model.script(text("Hello"))
    file = ("files", ("budget.csv", b"a,b", "text/csv"))
    fields = {"data": {"userMessage": "What is it?"}, "files": [file]}
    assert alice.api("POST", "/agents/chat", **fields).status_code == 200
    product.services.stop()  # what it asks the database meanwhile could deadlock with the DDL
    with product.app.app_context():
        downgrade(MIGRATIONS, revision="0024")
        assert search(alice.id, "budget").found == []
        [by_text] = search(alice.id, "what").found
        upgrade(MIGRATIONS)
        [by_name] = search(alice.id, "budget").found
        assert by_text.conversation == by_name.conversation


def later_revisions() -> list[str]:
    """The revisions after the first one, oldest first."""
    revisions = ScriptDirectory(MIGRATIONS).walk_revisions()
    return [revision.revision for revision in revisions if revision.down_revision][::-1]


def tables() -> dict[str, dict[str, Any]]:
    """The columns of each table by their names."""
    found = inspect(db.engine)
    return {
        table: {column["name"]: column for column in found.get_columns(table)}
        for table in found.get_table_names()
    }


def test_a_node_that_is_not_upgraded_yet_restarts_after_another_has_migrated(
    product: Product,
    alice: Person,
    model: ScriptedModel,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    newer = migrations_of_a_newer_version(tmp_path)
    product.services.stop()  # what it asks the database meanwhile could deadlock with the DDL
    with product.app.app_context():
        upgrade(str(newer))
        upgrade(MIGRATIONS)
    assert "The database is at revision next" in caplog.text
    product.restart_web()
    model.script(text("Still here."))
    assert text_of(alice.ask("Is anybody there?").until("done")) == "Still here."


@pytest.mark.only_engines  # SQLite has no locks on tables
def test_a_migration_gives_way_to_who_reads_a_table_and_then_goes_on(
    product: Product, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    newer = migrations_of_a_newer_version(tmp_path)
    product.services.stop()

    def migrate() -> None:
        with product.app.app_context():
            upgrade(str(newer))

    with product.app.app_context():
        with db.engine.connect() as reader:
            reader.exec_driver_sql("SELECT count(*) FROM runs")  # its lock is kept until it ends
            upgrading = gevent.spawn(migrate)
            eventually(lambda: "is tried again" in caplog.text)
            assert not upgrading.ready()
            reader.rollback()
            upgrading.get()
        assert "labels" in inspect(db.engine).get_table_names()


def migrations_of_a_newer_version(tmp_path: Path) -> Path:
    newer = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, newer)
    revision = NEXT_REVISION.format(head=ScriptDirectory(MIGRATIONS).get_current_head())
    (newer / "versions" / "9999_next.py").write_text(revision)
    return newer
