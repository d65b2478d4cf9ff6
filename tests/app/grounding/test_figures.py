"""Right and wrong figures are told apart: the tables figures.toml and held_out.toml."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from app.grounding.answer import ground, know
from app.grounding.results import read_results

HERE = Path(__file__).parent
RESULTS = {
    name: json.loads(text)
    for name, text in tomllib.loads((HERE / "results.toml").read_text()).items()
}
MARKED = re.compile(r"\[([^\]]*)\]|\{([^}]*)\}")
ENOUGH = 0.98


def read_table(name: str) -> list[dict[str, Any]]:
    answers: list[dict[str, Any]] = tomllib.loads((HERE / name).read_text())["answer"]
    return answers


def judge(answer: dict[str, Any]) -> tuple[int, int, list[str]]:
    """Ground an answer. Return how many of its figures are right, how many wrong, and those that
    were not told apart."""
    text, expected = unmark(answer["text"])
    calls = [(f"call_{name}", name, RESULTS[name]) for name in answer["results"]]
    known = know(read_results(calls), [answer.get("question", "")])
    figures = ground(text, known)
    missing = [figure for figure in figures if figure.source == "none"]
    wrongs = []
    for start, end, right in expected:
        found = [f for f in figures if f.start < end and start < f.end]
        is_missing = any(f.source == "none" for f in found)
        # A right one has to lead somewhere, unless the person said it or the answer counts it.
        led = not calls or any(f.source in ("tool", "worked_out", "question") for f in found)
        if is_missing == right or (right and not led):
            wrongs.append(f"{'right' if right else 'wrong'}: {text[start:end]!r}: {found}")
    marked = {(start, end) for start, end, _ in expected}
    for figure in missing:
        if not any(figure.start < end and start < figure.end for start, end in marked):
            wrongs.append(f"not to be marked: {text[figure.start : figure.end]!r}")
    rights = sum(right for *_, right in expected)
    return rights, len(expected) - rights, wrongs


def unmark(text: str) -> tuple[str, list[tuple[int, int, bool]]]:
    """Return the text without the table's brackets, and where its figures are."""
    plain, expected, at = "", [], 0
    for match in MARKED.finditer(text):
        plain += text[at : match.start()]
        words = match[1] if match[1] is not None else match[2]
        expected.append((len(plain), len(plain) + len(words), match[1] is not None))
        plain += words
        at = match.end()
    return plain + text[at:], expected


@pytest.mark.parametrize("table", ["figures.toml", "held_out.toml"])
def test_right_and_wrong_figures_are_told_apart(table: str) -> None:
    rights = wrongs = 0
    mistakes: list[str] = []
    for answer in read_table(table):
        right, wrong, missed = judge(answer)
        rights, wrongs, mistakes = rights + right, wrongs + wrong, mistakes + missed
    share = 1 - len(mistakes) / (rights + wrongs)
    assert share >= ENOUGH, f"{share:.3f} of {rights} right and {wrongs} wrong:\n" + "\n".join(
        mistakes
    )
