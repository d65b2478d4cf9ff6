"""A question's text on the page: code apart, long ones folded, all of it escaped."""

from __future__ import annotations

import pytest

from app.rendering.question_text import read_question


def parts(text: str) -> list[tuple[str, bool]]:
    return [(part.text, part.is_code) for part in read_question(text).parts]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One\n\ntwo *three*", [("One\n\ntwo *three*", False)]),
        (
            "Why?\n```py\nx = 1\n\n  y\n```\nSo?",
            [("Why?", False), ("x = 1\n\n  y", True), ("So?", False)],
        ),
        ("~~~\n```\n~~~", [("```", True)]),
        ("````\n```\n````", [("```", True)]),
        ("```\nnever closed", [("never closed", True)]),
        ("```\n```", []),
        ("in `code` and ```code``` too", [("in `code` and ```code``` too", False)]),
        ("    ```\nno fence", [("    ```\nno fence", False)]),
        ("", []),
    ],
)
def test_fenced_code_is_a_part_of_its_own(text: str, expected: list[tuple[str, bool]]) -> None:
    assert parts(text) == expected


@pytest.mark.parametrize(
    ("text", "is_long"),
    [
        ("short", False),
        ("\n".join(["line"] * 12), False),
        ("\n".join(["line"] * 13), True),
        ("x" * 1500, True),
        ("word " * 100, False),
    ],
)
def test_a_long_question_is_folded(text: str, is_long: bool) -> None:
    assert read_question(text).is_long is is_long
