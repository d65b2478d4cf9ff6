"""A service's tables are made, and later changed, by one command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import ROOT
from tool_services import all_services
from tool_services.framework.migrations import write_migration
from tool_services.framework.service import Service

SERVICE = """
from tool_services.framework.service import Service

SERVICE = Service(__name__, "Tickets.", tools=(), database=".models:db")
"""
MODELS = """
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


db = SQLAlchemy(metadata=Base.metadata)


class Row(Base):
    __tablename__ = "tickets"

    Id: Mapped[int] = mapped_column(primary_key=True)
    Title: Mapped[str]
"""
APP = "tool_services.app:create_app('tickets')"


@pytest.fixture
def tickets(tmp_path: Path) -> Path:
    """The folder of a service that has a model and no migration."""
    folder = tmp_path / "domain" / "tickets"
    folder.mkdir(parents=True)
    (folder / "service.py").write_text(SERVICE)
    (folder / "models.py").write_text(MODELS)
    return folder


def run(tickets: Path, *command: str) -> str:
    """What the command says, run as in a folder of an operator's."""
    names = {
        "SERVICE": "tickets",
        "TOOL_SERVICES_FOLDER": str(tickets.parent),
        "INSTANCE_DIR": str(tickets.parent / "instance"),
        "PYTHONPATH": str(ROOT),
    }
    ended = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=tickets.parent,
        env={**os.environ, **names},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return ended.stdout + ended.stderr


def start(tickets: Path) -> str:
    return run(tickets, "flask", "--app", APP, "seed")


@pytest.mark.slow
def test_tables_are_made_and_changed_by_one_command(tickets: Path) -> None:
    assert "Run make migration SERVICE=tickets" in start(tickets)
    assert "0001_add_the_tables.py" in run(tickets, "scripts.migration")
    assert start(tickets) == ""
    assert "have all" in run(tickets, "scripts.migration")
    models = tickets / "models.py"
    models.write_text(models.read_text() + "    Body: Mapped[str | None]\n")
    assert "0002_change_the_tables.py" in run(tickets, "scripts.migration")
    second = (tickets / "migrations" / "versions" / "0002_change_the_tables.py").read_text()
    assert 'add_column(sa.Column("Body"' in second
    assert start(tickets) == ""


@pytest.mark.slow
def test_a_column_without_a_value_for_the_rows_that_are_there_is_not_written(
    tickets: Path,
) -> None:
    run(tickets, "scripts.migration")
    models = tickets / "models.py"
    models.write_text(models.read_text() + "    Body: Mapped[str]\n")
    assert "tickets.Body needs a server_default" in run(tickets, "scripts.migration")
    assert len(list((tickets / "migrations" / "versions").glob("*.py"))) == 1


@pytest.mark.parametrize("service", all_services.services(), ids=lambda service: service.name)
def test_the_migrations_have_all_that_the_models_have(service: Service) -> None:
    written = write_migration(service, "Must not be needed")
    if written is not None:
        text = written.read_text()
        written.unlink()
        pytest.fail(text)
