"""The routes that only this service has refuse hostile requests politely, too."""

from __future__ import annotations

import pytest

from tests.tool_services.support.hostile import assert_all_refused_politely
from tests.tool_services.support.services import Service

# On PostgreSQL as well, which can't store NUL.
pytestmark = pytest.mark.engines


def test_every_route_refuses_hostile_requests_politely(
    listings: Service, caplog: pytest.LogCaptureFixture
) -> None:
    assert_all_refused_politely(listings, caplog)
