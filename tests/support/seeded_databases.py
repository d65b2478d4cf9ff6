"""Databases with their tables and sample rows, made once for all the tests of a process: making
them takes longer than most tests."""

from __future__ import annotations

import shutil
import tempfile
from functools import cache
from pathlib import Path

from flask_migrate import upgrade

from app import create_app
from app.auth.key_files import ensure_secrets
from app.config import Settings as AppSettings
from app.db.models import db as app_db
from tool_services.analytics import app as analytics
from tool_services.analytics.models import db as analytics_db
from tool_services.listings import app as listings
from tool_services.listings.models import db as listings_db
from tool_services.settings import Settings


def copy_samples(folder: Path) -> None:
    """Put the tool services' databases, and the app's without any rows, into an instance folder."""
    shutil.copytree(_samples(), folder, dirs_exist_ok=True)


MIGRATIONS = str(Path(__file__).parents[2] / "migrations")


@cache
def _samples() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="homestream-samples-"))
    settings = Settings.model_validate({"instance_dir": folder})
    for database, make in (
        (listings_db, listings.create_app),
        (analytics_db, analytics.create_app),
    ):
        with make(settings).app_context():
            database.engine.dispose()
    _make_app_database(folder)
    return folder


def _make_app_database(folder: Path) -> None:
    """With secrets of its own that nobody gets to see."""
    with tempfile.TemporaryDirectory() as secrets:
        ensure_secrets(Path(secrets))
        app = create_app(
            AppSettings(
                _env_file=None,
                instance_dir=Path(secrets),
                database_url=f"sqlite:///{folder / 'homestream.db'}",
                openai_base_url="http://x",
                model="x",
            )
        )
        with app.app_context():
            upgrade(MIGRATIONS)
            app_db.engine.dispose()
