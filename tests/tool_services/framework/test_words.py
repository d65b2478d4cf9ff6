"""A tool call in one line for people."""

from __future__ import annotations

from typing import Any

import pytest

from tool_services.framework.words import LONGEST_LINE, call_in_words

WORDS = "Searching|Searched notes[ of {author}] · {words}+ words · up to ${longest:,}"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            {"author": "Ada", "words": 3, "longest": 900_000},
            "notes of Ada · 3+ words · up to $900,000",
        ),
        ({"longest": 825_000.5}, "notes · up to $825,000.5"),
        ({"author": "", "words": None, "longest": []}, "notes"),
        (
            {"author": ["Ada", "Salem", "Aloha", "Forks", "Lents"]},
            "notes of Ada, Salem, Aloha and 2 more",
        ),
        ({"author": "{words} a|b · [x]", "words": 0}, "notes of {words} a|b · [x] · 0+ words"),
        ({"author": True, "words": {"at least": 2}}, 'notes of yes · {"at least": 2}+ words'),
        ({"author": "a \n b"}, "notes of a b"),
    ],
)
def test_it_has_what_was_given_and_nothing_of_what_was_not(
    arguments: dict[str, Any], line: str
) -> None:
    assert call_in_words(WORDS, arguments, done=True) == f"Searched {line}"
    assert call_in_words(WORDS, arguments, done=False) == f"Searching {line}"


def test_it_is_short_whatever_the_model_wrote() -> None:
    line = call_in_words(WORDS, {"author": "x" * 1_000_000, "words": "y" * 100}, done=True)
    assert line.startswith("Searched notes of xxx")
    assert line.count("…") == 2
    assert len(call_in_words("{a}" * 9, {"a": "x" * 60}, done=True)) == LONGEST_LINE
