"""Databases with their tables, made once for all the tests of a process: making them takes longer
than most tests."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from flask_migrate import upgrade

from app import create_app
from app.auth.key_files import ensure_secrets
from app.config import Settings
from app.db.connection import add_migrations
from app.db.models import db
from tests.support.notes import app as notes
from tests.support.notes.models import db as notes_db

MIGRATIONS = str(Path(__file__).parents[2] / "migrations")

Fill = Callable[[Path], None]
"""Makes databases in a folder."""


def copy_databases(folder: Path) -> None:
    """Put the app's database without any rows, and that of the notes, into an instance folder."""
    copy_folder(_make_databases, folder)


def copy_folder(fill: Fill, folder: Path) -> None:
    """Copy what `fill` makes, which is called once only."""
    shutil.copytree(_filled(fill), folder, dirs_exist_ok=True)


@cache
def _filled(fill: Fill) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="homestream-databases-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    fill(folder)
    return folder


def _make_databases(folder: Path) -> None:
    migrate(f"sqlite:///{folder / 'homestream.db'}")
    with notes.create_app(notes.NotesSettings(instance_dir=folder)).app_context():
        notes_db.engine.dispose()


def migrate(url: str) -> None:
    """Make the app's tables in the database at `url`."""
    with tempfile.TemporaryDirectory() as folder:
        ensure_secrets(Path(folder))
        settings = Settings(
            _env_file=None,
            instance_dir=Path(folder),
            database_url=url,
            openai_base_url="http://x",
            model="x",
        )
        app = create_app(settings)
        add_migrations(app)
        with app.app_context():
            upgrade(MIGRATIONS)
            db.engine.dispose()
