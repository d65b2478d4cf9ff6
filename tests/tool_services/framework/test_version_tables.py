"""Each service knows by a table of its own which of its migrations a database has."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Column, Integer, MetaData, String, Table, column, inspect, select, text
from sqlalchemy import table as table_named

from tests.support.notes.models import db
from tests.tool_services.support.services import Service
from tool_services.framework.migrations import upgrade_schema

# On PostgreSQL as well.
pytestmark = pytest.mark.engines

TICKETS = """
import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade():
    op.create_table("tickets", sa.Column("Id", sa.Integer(), primary_key=True))
"""


def run(notes: Service, statement: str, **values: str) -> None:
    with notes.app.app_context():
        db.session.execute(text(statement), values)
        db.session.commit()


def revision_in(notes: Service, table: str) -> str:
    with notes.app.app_context():
        version = select(column("version_num", String)).select_from(table_named(table))
        return str(db.session.scalar(version))


def tables(notes: Service) -> set[str]:
    with notes.app.app_context():
        return set(inspect(db.engine).get_table_names())


def start_tickets(notes: Service, folder: Path) -> None:
    """Upgrade the tables of another service in the database of the notes."""
    versions = folder / "tickets" / "migrations" / "versions"
    versions.mkdir(parents=True)
    (versions / "0001_tickets.py").write_text(TICKETS)
    metadata = MetaData()
    Table("tickets", metadata, Column("Id", Integer, primary_key=True))
    app, tickets = Flask("tickets"), SQLAlchemy(metadata=metadata)
    app.config["SQLALCHEMY_DATABASE_URI"] = notes.app.config["SQLALCHEMY_DATABASE_URI"]
    tickets.init_app(app)
    with app.app_context():
        upgrade_schema(tickets, folder / "tickets")
        tickets.engine.dispose()


def as_the_version_before_left_it(notes: Service, revision: str) -> None:
    """With one table for all services."""
    notes.call("addNote", {"noteText": "kept"})
    run(notes, "ALTER TABLE alembic_version_notes RENAME TO alembic_version")
    run(notes, "UPDATE alembic_version SET version_num = :revision", revision=revision)


def test_two_services_have_their_tables_in_one_database(notes: Service, tmp_path: Path) -> None:
    start_tickets(notes, tmp_path)
    assert {"notes", "tickets"} <= tables(notes)
    notes.restart()
    assert {*notes.call("findNotes", {}).result["notes"]} == {"first", "second"}


# One that this version knows, and one of a version that is newer.
@pytest.mark.parametrize("revision", ["0001", "0002"])
def test_a_database_of_the_version_before_is_taken_over_as_it_is(
    notes: Service, revision: str
) -> None:
    as_the_version_before_left_it(notes, revision)
    notes.restart()
    assert notes.call("findNotes", {}).result["notes"][-1] == "kept"
    assert revision_in(notes, "alembic_version_notes") == revision
    # The version before reads this one when it restarts during the upgrade.
    assert revision_in(notes, "alembic_version") == revision


def test_a_service_that_moves_in_does_not_take_the_first_ones_version_for_its_own(
    notes: Service, tmp_path: Path
) -> None:
    as_the_version_before_left_it(notes, "0001")
    start_tickets(notes, tmp_path)
    assert "tickets" in tables(notes)
