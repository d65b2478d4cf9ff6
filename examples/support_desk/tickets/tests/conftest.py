"""The service with its sample tickets, in a folder of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tool_services.framework.testing import ToolCaller, call_tools

from ..service import SERVICE


@pytest.fixture
def tickets(tmp_path: Path) -> Iterator[ToolCaller]:
    with call_tools(SERVICE, tmp_path) as caller:
        yield caller
