"""The engine knows no domain: neither its code nor its tests have a word of the real services."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOMAIN = re.compile(
    r"(?i)\b(bedroom|listings\b|listing_?id|real.?estate|realtor|homes\b|market.?analysis)"
)


TESTS = ("app", "demo_model", "support", "tool_services", "workers")


@pytest.mark.parametrize("folder", ["app", "scripts", *(f"tests/{name}" for name in TESTS)])
def test_the_engine_knows_nothing_of_the_domain(folder: str) -> None:
    found = [
        f"{path.name}: {match[0]}"
        for path in (ROOT / folder).rglob("*.py")
        if path != Path(__file__)
        for match in DOMAIN.finditer(path.read_text())
    ]
    assert found == []
