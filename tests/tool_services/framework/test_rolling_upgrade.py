"""Many machines, upgraded one after another, on one database."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tool_services.support.services import Service

# On PostgreSQL as well.
pytestmark = [pytest.mark.engines, pytest.mark.slow]

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


def start_newer_version(folder: Path, notes: Service) -> str:
    """Start a copy of the service that has one more migration, on the same database."""
    package = folder / "newer" / "notes"
    shutil.copytree(NOTES, package)
    (package / "migrations" / "versions" / "0002_colour.py").write_text(MIGRATION)
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "tool_services.app:create_app('notes')", "seed"],
        env={
            **os.environ,
            "INSTANCE_DIR": str(notes.settings.instance_dir),
            "NOTES_DATABASE_URL": notes.settings.notes_database_url,
            "TOOL_SERVICES_FOLDER": str(package.parent),
            "PYTHONPATH": str(ROOT),
        },
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_machine_not_yet_upgraded_works_on_and_can_restart(
    notes: Service, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    notes.call("addNote", {"noteText": "before"})
    assert start_newer_version(tmp_path, notes) == "notes: 3 rows\n"
    notes.call("addNote", {"noteText": "after"})
    notes.restart()
    [warning] = [record for record in caplog.records if record.levelname == "WARNING"]
    assert "revision 0002" in warning.getMessage()
    notes.call("addNote", {"noteText": "after a restart"})
    written = notes.call("findNotes", {"text": "e"}).result["notes"]
    assert written[-3:] == ["before", "after", "after a restart"]
