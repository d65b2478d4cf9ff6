"""Places are read from where they stand in a sentence, not from a list of cities."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo_model.places import bare_places, places


@pytest.mark.parametrize(
    ("text", "areas"),
    [
        ("homes in San Jose, CA", ["San Jose, CA"]),
        ("homes in portland, or under 900k", ["Portland, OR"]),
        ("houses in portland oregon", ["Portland, OR"]),
        ("listings in St. Louis, MO please", ["St. Louis, MO"]),
        ("active homes in austin tx", ["Austin, TX"]),
        ("homes near Salt Lake City with 3 beds", ["Salt Lake City"]),
        ("homes in New York, NY", ["New York, NY"]),
        ("homes in New York", ["NY"]),
        ("homes in North Carolina", ["NC"]),
        ("homes in West Virginia", ["WV"]),
        ("oregon homes", ["OR"]),
        ("Show me homes OR", ["OR"]),
        ("Is Texas cheap?", ["TX"]),
        ("Portland homes under 900k", ["Portland"]),
        ("cheap portland homes", ["Portland"]),
        ("market overview Bellevue, WA", ["Bellevue, WA"]),
        ("Show Portland, OR", ["Portland, OR"]),
        ("homes in Portland, OR or Seattle, WA", ["Portland, OR", "Seattle, WA"]),
        ("homes in Atlantis and tell me more", ["Atlantis"]),
        ("homes in the Seattle area", ["Seattle"]),
        ("homes in Portland ok", ["Portland Ok"]),
        ("homes in a quiet part of the very long named imaginary town", []),
        ("homes in Alpha Beta Gamma Delta Epsilon", []),
        ("show me all homes", []),
        ("homes in 97201", []),
    ],
)
def test_a_place_is_what_stands_where_a_place_would(text: str, areas: list[str]) -> None:
    assert [place.area for place in places(text)] == areas


def test_loosely_any_word_may_lead_to_a_place() -> None:
    assert [place.area for place in places("how is Portland doing", loosely=True)] == ["Portland"]
    assert places("how is Portland doing") == ()


@pytest.mark.parametrize(
    ("text", "areas"),
    [
        ("Seattle?", ["Seattle"]),
        ("and in Portland, OR", ["Portland, OR"]),
        ("what about Bellevue or Kirkland", ["Bellevue", "Kirkland"]),
        ("OR", ["OR"]),
        ("thank you", []),
        ("the first one", []),
        ("one two three four five words", []),
        ("", []),
    ],
)
def test_a_bare_place_is_all_that_the_text_holds(text: str, areas: list[str]) -> None:
    assert [place.area for place in bare_places(text)] == areas


@given(st.text(max_size=200))
def test_no_text_is_too_odd_to_read(text: str) -> None:
    places(text, loosely=True)
    bare_places(text)
