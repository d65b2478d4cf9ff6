"""The engine knows no domain: neither its code nor its tests nor its benchmarks have a word of the
real services. So they work as well where somebody has put a folder of their own in place of those.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOMAIN = re.compile(
    r"(?i)bedroom|listings\b|\blisting\b|listing_?(?:id|report|metric)|real.?estate|realtor|\bhomes\b"
    r"|market.?analysis|\bcondos?\b|\btool_services[./]analytics\b"
)
TESTS = sorted(
    f"tests/{each.name}"
    for each in (ROOT / "tests").iterdir()
    if each.name != "__pycache__" and (each.is_dir() or each.suffix == ".py")
)


@pytest.mark.parametrize("place", ["app", "bench", "scripts", *TESTS])
def test_the_engine_knows_nothing_of_the_domain(place: str) -> None:
    path = ROOT / place
    found = [
        f"{file.name}: {match[0]}"
        for file in (path.rglob("*.py") if path.is_dir() else [path])
        if file != Path(__file__)
        for match in DOMAIN.finditer(file.read_text())
    ]
    assert found == []
