"""A service's tables are made, and later changed, by one command."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from sqlalchemy import inspect

from scripts import migration
from tool_services import all_services
from tool_services.app import create_app
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


@pytest.fixture
def tickets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a service that has a model and no migration."""
    folder = tmp_path / f"domain_{tmp_path.name}" / "tickets"
    folder.mkdir(parents=True)
    (folder / "service.py").write_text(SERVICE)
    (folder / "models.py").write_text(MODELS)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("SERVICE", "tickets")
    monkeypatch.setenv("TOOL_SERVICES_FOLDER", str(folder.parent))
    monkeypatch.setenv("INSTANCE_DIR", str(tmp_path / "instance"))
    return folder


def upgraded(tickets: Path, column: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the service whose table has another column, in a domain of its own: Python has
    imported the models of the first."""
    domain = tickets.parent.with_name(f"{tickets.parent.name}_{column.partition(':')[0].lower()}")
    copy = domain / "tickets"
    shutil.copytree(tickets, copy, ignore=shutil.ignore_patterns("__pycache__"))
    with (copy / "models.py").open("a") as models:
        models.write(f"    {column}\n")
    monkeypatch.setenv("TOOL_SERVICES_FOLDER", str(domain))
    return copy


def columns() -> set[str]:
    """Those of the service's table, once it has started."""
    app = create_app("tickets")
    database = app.extensions["sqlalchemy"]
    with app.app_context():
        found = {str(each["name"]) for each in inspect(database.engine).get_columns("tickets")}
        database.engine.dispose()
    return found


def test_tables_are_made_and_changed_by_one_command(
    tickets: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        create_app("tickets")
    assert "Run make migration SERVICE=tickets" in capsys.readouterr().err
    migration.main()
    assert "0001_add_the_tables.py" in capsys.readouterr().out
    assert columns() == {"Id", "Title"}
    migration.main()
    assert "have all" in capsys.readouterr().out
    newer = upgraded(tickets, "Body: Mapped[str | None]", monkeypatch)
    migration.main()
    assert "0002_change_the_tables.py" in capsys.readouterr().out
    second = (newer / "migrations" / "versions" / "0002_change_the_tables.py").read_text()
    assert 'add_column(sa.Column("Body"' in second
    assert columns() == {"Id", "Title", "Body"}


def test_a_column_without_a_value_for_the_rows_that_are_there_is_not_written(
    tickets: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    migration.main()
    newer = upgraded(tickets, "Body: Mapped[str]", monkeypatch)
    with pytest.raises(SystemExit):
        migration.main()
    assert "tickets.Body needs a server_default" in capsys.readouterr().err
    assert len(list((newer / "migrations" / "versions").glob("*.py"))) == 1


@pytest.mark.parametrize("service", all_services.services(), ids=lambda service: service.name)
def test_the_migrations_have_all_that_the_models_have(service: Service) -> None:
    written = write_migration(service, "Must not be needed")
    if written is not None:
        text = written.read_text()
        written.unlink()
        pytest.fail(text)
