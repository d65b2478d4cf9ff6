"""The listings service on real HTTP, each test with the sample homes in a database of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.engines import Engines
from tests.tool_services.support.own_services import running_service, settings_for
from tests.tool_services.support.services import Service, running_issuer


@pytest.fixture
def listings(tmp_path: Path, engines: Engines | None) -> Iterator[Service]:
    with running_issuer() as issuer:
        settings = settings_for(issuer, tmp_path / "instance", engines, ("listings",))
        with running_service("listings", issuer, settings) as service:
            yield service
