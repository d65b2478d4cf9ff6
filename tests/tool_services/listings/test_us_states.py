"""The codes of states."""

from __future__ import annotations

import pytest

from tool_services.listings.us_states import state_code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("OR", "OR"),
        (" or ", "OR"),
        ("oregon", "OR"),
        ("West  Virginia", "WV"),
        ("Virginia", "VA"),
        ("district of columbia", "DC"),
        ("Ontario", "ONTARIO"),
    ],
)
def test_a_state_is_known_by_code_and_by_name(text: str, code: str) -> None:
    assert state_code(text) == code
