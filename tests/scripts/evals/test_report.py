"""The table says what is right, what it cost, and what has changed since the last run."""

from __future__ import annotations

from pathlib import Path

from scripts.evals.report import Outcome, outcome, read_last, table, write
from scripts.evals.scores import Answer, Score


def one(name: str, *, right: bool, model: str = "gpt-4o-mini") -> Outcome:
    score = Score(True, right, True, "" if right else "city is 'Salem'")
    return outcome(name, score, Answer((), "", 1.25, 1000, 500), model)


def test_the_sums_and_the_reasons_are_in_the_table() -> None:
    lines = table([one("first", right=True), one("the second", right=False)], {}).splitlines()
    assert lines[2].split() == ["first", "yes", "yes", "yes", "1.2", "1500"]
    assert lines[3].endswith("city is 'Salem'")
    assert "NO" in lines[3]
    assert lines[5].split() == ["right,", "of", "2", "2", "1", "2", "2.4", "3000"]
    assert lines[6:] == ["All of it right: 1.", "Cost: $0.0009."]


def test_a_model_of_unknown_price_costs_an_unknown_sum() -> None:
    assert "Cost: unknown." in table([one("first", right=True, model="my-own-model")], {})


def test_what_has_changed_since_the_last_run_is_named(tmp_path: Path) -> None:
    file = tmp_path / "new" / "evals.json"
    assert read_last(file) == {}
    write(file, "m", [one("a", right=True), one("b", right=False), one("c", right=True)])
    now = [one("a", right=False), one("b", right=True), one("c", right=True), one("d", right=True)]
    lines = table(now, read_last(file)).splitlines()
    assert lines[-2] == "Since the last run, right now: b."
    assert lines[-1] == "Since the last run, wrong now: a."


def test_a_file_of_another_form_counts_as_no_last_run(tmp_path: Path) -> None:
    file = tmp_path / "evals.json"
    for text in ("", "[]", '{"cases": 3}', '{"cases": [3]}'):
        file.write_text(text)
        assert read_last(file) == {}
