"""States are known by name and by code."""

from __future__ import annotations

import pytest

from demo_model.states import CODES, state_code


@pytest.mark.parametrize(
    ("words", "code"),
    [("Oregon", "OR"), ("or", "OR"), ("WEST VIRGINIA", "WV"), ("Portland", None), ("XX", None)],
)
def test_a_state_has_one_code_in_any_spelling(words: str, code: str | None) -> None:
    assert state_code(words) == code


def test_there_are_fifty_states_and_the_capital() -> None:
    assert len(CODES) == 51
