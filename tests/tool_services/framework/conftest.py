"""The notes service on real HTTP, with a database of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.engines import Engines
from tests.support.notes.app import NotesSettings, create_app
from tests.support.notes.models import db
from tests.tool_services.support.services import Service, running, running_issuer


@pytest.fixture
def notes(tmp_path: Path, engines: Engines | None) -> Iterator[Service]:
    with running_issuer() as issuer, running(create_app, db, issuer) as (service, start):
        settings: dict[str, Any] = {
            "app_url": issuer.url,
            "notes_url": service.url,
            "instance_dir": tmp_path / "instance",
            "tool_timeout": 2,
        }
        if engines:
            settings["notes_database_url"] = engines.empty()
        start(NotesSettings.model_validate(settings))
        yield service
