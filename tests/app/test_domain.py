"""The engine in `app/` knows no domain."""

from __future__ import annotations

import re
from pathlib import Path

APP = Path(__file__).resolve().parents[2] / "app"
DOMAIN = re.compile(r"(?i)\b(bedroom|listing|real.?estate|realtor)")


def test_the_engine_knows_nothing_of_the_domain() -> None:
    found = [
        f"{path.name}: {match[0]}"
        for path in APP.rglob("*.py")
        for match in DOMAIN.finditer(path.read_text())
    ]
    assert found == []
