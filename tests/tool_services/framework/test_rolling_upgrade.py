"""Many machines, upgraded one after another, on one database."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from tests.tool_services.support.services import Service
from tool_services.app import create_app

# On PostgreSQL as well.
pytestmark = pytest.mark.engines

ROOT = Path(__file__).parents[3]
NOTES = ROOT / "tests" / "support" / "notes"
MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("notes", sa.Column("Colour", sa.String(), server_default="white"))
"""


def start_newer_version(folder: Path, notes: Service, monkeypatch: pytest.MonkeyPatch) -> str:
    """Start a copy of the service that has one more migration, on the same database."""
    # A package that this process has not imported yet.
    package = folder / f"newer_{folder.name}" / "notes"
    shutil.copytree(NOTES, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "migrations" / "versions" / "0002_colour.py").write_text(MIGRATION)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("INSTANCE_DIR", str(notes.settings.instance_dir))
    monkeypatch.setenv("NOTES_DATABASE_URL", notes.settings.notes_database_url)
    monkeypatch.setenv("TOOL_SERVICES_FOLDER", str(package.parent))
    app = create_app("notes")
    seeded = app.test_cli_runner().invoke(args=["seed"])
    assert seeded.exit_code == 0, seeded.output
    with app.app_context():
        app.extensions["sqlalchemy"].engine.dispose()
    return seeded.output


def test_a_machine_not_yet_upgraded_works_on_and_can_restart(
    notes: Service,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    notes.call("addNote", {"noteText": "before"})
    assert start_newer_version(tmp_path, notes, monkeypatch) == "notes: 3 rows\n"
    notes.call("addNote", {"noteText": "after"})
    notes.restart()
    [warning] = [record for record in caplog.records if record.levelname == "WARNING"]
    assert "revision 0002" in warning.getMessage()
    notes.call("addNote", {"noteText": "after a restart"})
    written = notes.call("findNotes", {"text": "e"}).result["notes"]
    assert written[-3:] == ["before", "after", "after a restart"]
