"""A tool call in one line for people."""

from __future__ import annotations

from typing import Any

import pytest

from tool_services.framework.words import LONGEST_LINE, call_in_words

WORDS = "Searching|Searched homes[ in {city}] · {beds}+ beds · up to ${price:,}"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ({"city": "Bend", "beds": 3, "price": 900_000}, "homes in Bend · 3+ beds · up to $900,000"),
        ({"price": 825_000.5}, "homes · up to $825,000.5"),
        ({"city": "", "beds": None, "price": []}, "homes"),
        (
            {"city": ["Bend", "Salem", "Aloha", "Forks", "Lents"]},
            "homes in Bend, Salem, Aloha and 2 more",
        ),
        ({"city": "{beds} a|b · [x]", "beds": 0}, "homes in {beds} a|b · [x] · 0+ beds"),
        ({"city": True, "beds": {"at least": 2}}, 'homes in yes · {"at least": 2}+ beds'),
        ({"city": "a \n b"}, "homes in a b"),
    ],
)
def test_it_has_what_was_given_and_nothing_of_what_was_not(
    arguments: dict[str, Any], line: str
) -> None:
    assert call_in_words(WORDS, arguments, done=True) == f"Searched {line}"
    assert call_in_words(WORDS, arguments, done=False) == f"Searching {line}"


def test_it_is_short_whatever_the_model_wrote() -> None:
    line = call_in_words(WORDS, {"city": "x" * 1_000_000, "beds": "y" * 100}, done=True)
    assert line.startswith("Searched homes in xxx")
    assert line.count("…") == 1
    assert len(call_in_words("{a}" * 9, {"a": "x" * 60}, done=True)) == LONGEST_LINE
