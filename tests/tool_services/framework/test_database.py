"""A service's database: made at the first start, upgraded, filled once, kept."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from tests.support.notes.app import NotesSettings, create_app
from tests.support.notes.models import Note, db
from tests.tool_services.support.services import Service
from tool_services.framework.settings import STOP_EXIT_CODE

ROOT = Path(__file__).parents[3]
SUPPORT = ROOT / "tests" / "support"


def environment(instance: Path) -> dict[str, str]:
    """That of a process of the notes service's own."""
    own = {"INSTANCE_DIR": instance, "TOOL_SERVICES_FOLDER": SUPPORT, "PYTHONPATH": ROOT}
    return {**os.environ, **{name: str(value) for name, value in own.items()}}


def notes_in(folder: Path, **settings: Any) -> list[str]:
    """Start the service once and return its notes."""
    app = create_app(NotesSettings.model_validate({"instance_dir": folder, **settings}))
    with app.app_context():
        found = list(db.session.scalars(select(Note.Text).order_by(Note.Id)))
        db.engine.dispose()
    return found


def test_an_empty_machine_gets_tables_and_sample_rows(tmp_path: Path) -> None:
    assert notes_in(tmp_path / "new" / "folder") == ["first", "second"]


def test_tables_stay_empty_if_no_samples_are_wanted(tmp_path: Path) -> None:
    assert notes_in(tmp_path, sample_data=False) == []


def test_a_database_url_may_be_relative_to_the_instance_folder(tmp_path: Path) -> None:
    notes_in(tmp_path, notes_database_url="sqlite:///other.db")
    assert (tmp_path / "other.db").exists()


def test_rows_are_kept_over_a_restart_and_samples_loaded_once(notes: Service) -> None:
    notes.call("addNote", {"noteText": "third"})
    notes.restart()
    result = notes.app.test_cli_runner().invoke(args=["seed"])
    assert result.output == "notes: 3 rows\n"


def test_sqlite_runs_in_wal_mode_with_foreign_keys(notes: Service) -> None:
    with notes.app.app_context():
        pragmas = ("journal_mode", "synchronous", "foreign_keys")
        assert [db.session.scalar(text(f"PRAGMA {name}")) for name in pragmas] == ["wal", 1, 1]


# Three processes start the service at once; then a fourth one says how its files are kept. It is
# their parent, which has loaded what they need: they take a quarter of the CPU of a program each.
STARTS = """
import os, stat
from multiprocessing import get_context
os.umask(0o022)
from tool_services.app import create_app
processes = get_context("fork")
all_are_there = processes.Barrier(3)
def seed(_):
    all_are_there.wait()
    return create_app("notes").test_cli_runner().invoke(args=["seed"]).output
with processes.Pool(3) as pool:
    print("".join(pool.map(seed, range(3), chunksize=1)), end="")
app = create_app("notes")
from support.notes.models import db
folder = os.environ["INSTANCE_DIR"]
with app.app_context():
    db.session.execute(db.text("SELECT 1"))
    print(sorted(os.listdir(folder)))
    print({oct(os.stat(each).st_mode) for each in os.scandir(folder)})
"""


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], Path]:
    """What the processes say, and their instance folder. They are others than this one, in which
    the app's tests close every database."""
    folder = tmp_path_factory.mktemp("started") / "instance"
    folder.mkdir(0o755)
    ended = subprocess.run(
        [sys.executable, "-c", STARTS],
        env=environment(folder),
        cwd=folder.parent,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines(), folder


@pytest.mark.slow
def test_processes_that_start_at_once_make_and_fill_the_tables_once(
    started: tuple[list[str], Path],
) -> None:
    lines, _ = started
    assert lines[:-2] == ["notes: 2 rows"] * 3


@pytest.mark.slow
def test_only_the_owner_can_read_the_database(started: tuple[list[str], Path]) -> None:
    (*_, names, found), folder = started
    assert names == "['notes.db', 'notes.db-shm', 'notes.db-wal', 'notes_client.pem']"
    assert found == "{'0o100600'}"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "url", ["sqlite:////dev/null/no/such.db", "nosuch://host/db", "no url", "postgresql://u:pw@h/d"]
)
def test_a_database_that_cannot_be_opened_stops_the_start_with_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], url: str
) -> None:
    with pytest.raises(SystemExit) as stopped:
        notes_in(tmp_path, notes_database_url=url)
    sentence = capsys.readouterr().err
    assert stopped.value.code == STOP_EXIT_CODE
    assert "NOTES_DATABASE_URL" in sentence
    assert "pw" not in sentence
