"""Natural questions lead to what they mean, in two domains known by their phrases alone."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.demo_model import homes_questions, tickets_questions
from tests.demo_model.talking import HOMES_DOMAIN, TICKETS_DOMAIN, Case, Domain, wrong_in


@pytest.mark.parametrize(
    ("about", "cases", "wrong_at_most"),
    [
        (HOMES_DOMAIN, homes_questions.QUESTIONS, 6),
        (HOMES_DOMAIN, homes_questions.HELD_OUT, 3),
        (HOMES_DOMAIN, homes_questions.GERMAN, 1),
        (TICKETS_DOMAIN, tickets_questions.QUESTIONS, 6),
        (TICKETS_DOMAIN, tickets_questions.HELD_OUT, 3),
    ],
    ids=["homes", "homes-held-out", "homes-german", "tickets", "tickets-held-out"],
)
def test_most_natural_questions_are_answered_well(
    about: Domain, cases: Sequence[Case], wrong_at_most: int
) -> None:
    wrong = [words for case in cases if (words := wrong_in(case, about))]
    assert len(wrong) <= wrong_at_most, "\n".join(wrong)
