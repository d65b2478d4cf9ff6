"""Natural questions about homes lead to what they mean, by the phrases of both services alone."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence

import pytest

from scripts.evals.cases import cases_in
from tests.demo_model.talking import Case, wrong_in
from tool_services import all_services

from . import questions
from .homes import HOMES_DOMAIN


def test_phrases_are_meant_over_tools_that_there_are() -> None:
    offered = {function.name for function in HOMES_DOMAIN.functions}
    for name in ("listings", "analytics"):
        phrases = tomllib.loads((all_services.folders()[name] / "phrases.toml").read_text("utf-8"))
        for tool in phrases["tool"].values():
            assert set(tool.get("over", ())) <= offered


def test_there_are_forty_questions_to_evaluate_a_model_by() -> None:
    folders = all_services.folders()
    assert len(cases_in([folders["listings"], folders["analytics"]])) >= 40


@pytest.mark.parametrize(
    ("cases", "wrong_at_most"),
    [
        (questions.QUESTIONS, 6),
        (questions.HELD_OUT, 3),
        (questions.GERMAN, 1),
    ],
    ids=["questions", "held-out", "german"],
)
def test_most_natural_questions_are_answered_well(
    cases: Sequence[Case], wrong_at_most: int
) -> None:
    wrong = [words for case in cases if (words := wrong_in(case, HOMES_DOMAIN))]
    assert len(wrong) <= wrong_at_most, "\n".join(wrong)
