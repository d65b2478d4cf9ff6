"""Natural questions lead to what they mean, in a domain known by its phrases alone."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.demo_model import homes_questions
from tests.demo_model.talking import HOMES_DOMAIN, Case, wrong_in


@pytest.mark.parametrize(
    ("cases", "wrong_at_most"),
    [
        (homes_questions.QUESTIONS, 6),
        (homes_questions.HELD_OUT, 3),
        (homes_questions.GERMAN, 1),
    ],
    ids=["homes", "homes-held-out", "homes-german"],
)
def test_most_natural_questions_are_answered_well(
    cases: Sequence[Case], wrong_at_most: int
) -> None:
    wrong = [words for case in cases if (words := wrong_in(case, HOMES_DOMAIN))]
    assert len(wrong) <= wrong_at_most, "\n".join(wrong)
