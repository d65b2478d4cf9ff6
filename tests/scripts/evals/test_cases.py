"""Files of cases that can't be used are told with their reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.evals.cases import BadCases, cases_in, read_cases

CASE = '[[case]]\nname = "one"\nquestions = ["Hello"]\n'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[[case", "Expected"),
        (CASE + "tool = 'x'", "case.0.tool: Extra inputs are not permitted"),
        (CASE.replace('["Hello"]', "[]"), "case.0.questions: Tuple should have at least 1 item"),
        (CASE * 2, "two cases are called one"),
    ],
)
def test_a_file_that_can_not_be_used_is_told(tmp_path: Path, text: str, reason: str) -> None:
    file = tmp_path / "evals.toml"
    file.write_text(text)
    with pytest.raises(BadCases) as refused:
        read_cases(file)
    assert str(refused.value).startswith(f"{file}: {reason}")


def test_folders_without_cases_are_passed_over(tmp_path: Path) -> None:
    for name in ("with", "without"):
        (tmp_path / name).mkdir()
    (tmp_path / "with" / "evals.toml").write_text(f'may_have = ["page"]\n{CASE}')
    [case] = cases_in(sorted(tmp_path.iterdir()))
    assert (case.name, case.may_have) == ("one", ("page",))
