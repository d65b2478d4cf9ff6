"""Both services on real HTTP, each test with the sample rows in databases of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.engines import Engines
from tests.tool_services.support.issuer import Issuer
from tests.tool_services.support.own_services import running_service, settings_for
from tests.tool_services.support.services import Service, running_issuer


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with running_issuer() as running:
        yield running


@pytest.fixture
def settings(issuer: Issuer, tmp_path: Path, engines: Engines | None) -> dict[str, Any]:
    return settings_for(issuer, tmp_path / "instance", engines, ("listings", "analytics"))


@pytest.fixture
def listings(issuer: Issuer, settings: dict[str, Any]) -> Iterator[Service]:
    with running_service("listings", issuer, settings) as service:
        yield service


@pytest.fixture
def analytics(issuer: Issuer, settings: dict[str, Any], listings: Service) -> Iterator[Service]:
    with running_service("analytics", issuer, settings, listings_url=listings.url) as service:
        yield service
