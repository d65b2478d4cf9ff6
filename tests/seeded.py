"""The tool services' databases with their sample rows, made once for all the tests of a process:
filling them takes longer than most tests."""

from __future__ import annotations

import shutil
import tempfile
from functools import cache
from pathlib import Path

from tool_services import analytics, listings
from tool_services.analytics.models import db as analytics_db
from tool_services.listings.models import db as listings_db
from tool_services.settings import Settings


def copy_samples(folder: Path) -> None:
    """Put both databases into an instance folder."""
    shutil.copytree(_samples(), folder, dirs_exist_ok=True)


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
    return folder
