"""Numbers as people read them."""

from __future__ import annotations

import pytest

from app.rendering.numbers import count, dollars, duration


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        *((0, "0.00 s"), (0.2549, "0.25 s"), (0.999, "1.0 s"), (2.44, "2.4 s"), (9.96, "10 s")),
        *((59.4, "59 s"), (59.6, "1 min 0 s"), (125, "2 min 5 s"), (3599.7, "1 h 0 min")),
        (11_000, "3 h 3 min"),
    ],
)
def test_a_time_has_as_many_digits_as_say_something(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_amounts_and_counts() -> None:
    assert [dollars(each) for each in (0, 0.00005, 0.00125, 0.5, 1234.567)] == [
        *("$0.00", "under $0.0001", "$0.0013", "$0.5000", "$1,234.57")
    ]
    assert count(1234567) == "1,234,567"
