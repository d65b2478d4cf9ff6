"""docs/asvs.md names tests and files as evidence, and counts its lines."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs/asvs.md").read_text()
ROWS = re.findall(r"^\| (\d+\.\d+\.\d+) \| ([12]) \| [^|]+ \| (\w[\w ]+): (.+) \|$", TEXT, re.M)


def test_each_named_test_and_file_is_there() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "tests").rglob("*.py"))
    tests = set(re.findall(r"^def (test_\w+)", sources, re.M))
    assert set(re.findall(r"`(test_\w+)`", TEXT)) - tests == set()
    files = re.findall(r"`((?:app|deploy)/[\w./-]+|[\w-]+\.(?:toml|txt|json))`", TEXT)
    pages = [f"docs/{page}" for page in re.findall(r"\]\((\w+\.md)\)", TEXT)]
    assert [name for name in [*files, *pages] if not (ROOT / name).exists()] == []


def test_every_requirement_has_one_line_and_the_sums_are_true() -> None:
    numbers = [number for number, *_ in ROWS]
    lines = re.findall(r"^\| \d+\.", TEXT, re.M)
    assert len(numbers) == len(set(numbers)) == len(lines)
    levels = Counter(level for _, level, *_ in ROWS)
    states = Counter(state for _, _, state, _ in ROWS)
    assert levels == {"1": 70, "2": 183}
    sums = [levels["1"], levels["2"], states["met"], states["not applicable"], states["not met"]]
    assert f"| {' | '.join(map(str, sums))} |" in TEXT
    met = [why for *_, state, why in ROWS if state == "met"]
    assert [why for why in met if not re.search(r"`|\]\(", why)] == []
