"""What comes from a model or a tool costs bounded work, and can't break the search for figures."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.grounding import answer, results
from app.grounding.answer import ground, know
from app.grounding.figure import Figure
from app.grounding.results import read_results
from tests.support.event_loop import watched_turns

MOST_CPU = 15  # as in Turns.all; the worst takes 6

HUGE: dict[str, Any] = {
    "many values": [{"price": number} for number in range(200_000)],
    "a text of 50 MB": "price 77 " * 5_500_000,
    "many texts": [f"part {number} costs {number}" for number in range(100_000)],
    "many keys": {f"key{number}": number for number in range(200_000)},
    "digits alone": "9" * 100_000,
    "numbers in a row": "1 " * 50_000,
}
PIECES = st.sampled_from(
    [
        *"0123456789.,-\u2212\u2013%$€#/:|*_`~<>&\\[]()\n\t \x02\x03\u00b2\u0663",
        *("12", "1,234", "€8,50", "March", "2026-03-12", "L004", "Elm St", "k", " million", "two"),
        *("```\n", "| a | b |\n|---|---|\n", "1. ", "- ", "**", "=", "°C", " of ", "9" * 30),
    ]
)
TEXTS = st.lists(PIECES, max_size=40).map("".join)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


def look_up(text: str, result: Any) -> list[Figure]:
    return ground(text, know(read_results([("call_1", "find", result)]), ["under 900k"]))


@pytest.mark.parametrize("name", HUGE)
def test_of_a_huge_result_only_so_much_is_taken_in(name: str) -> None:
    found = read_results([("call_1", "find", HUGE[name]), ("call_2", "find", {"n": 5})])
    assert len(found.facts) <= 2 * results.MOST_VALUES
    assert len(found.texts) <= results.MOST_VALUES
    assert not found.is_whole or name in ("digits alone",)


def test_a_result_can_be_nested_deeply() -> None:
    nested: Any = 5
    for _ in range(100_000):
        nested = [nested]
    assert not read_results([("call_1", "find", nested)]).is_whole
    # Or its removal would be recursive.
    while isinstance(nested, list):
        nested = nested.pop()


@pytest.mark.parametrize(
    "text", ["9" * 100_000, "1 " * 50_000, "1-" * 50_000, "$1,234 " * 20_000, "| 1 " * 30_000]
)
def test_of_a_huge_answer_only_so_many_figures_are_looked_up(text: str) -> None:
    figures = look_up(text, {"n": 77})
    assert len(figures) <= answer.MOST_FIGURES
    assert all(figure.end <= answer.MOST_CHARACTERS for figure in figures)


@pytest.mark.parametrize("word", ["A" * 38 + "1", "AB-" * 8 + "1", "#" + "A" * 59 + "1", "a1" * 20])
def test_a_word_that_is_almost_an_id_is_read_without_trying_every_way(word: str) -> None:
    [*_] = look_up(f"See {word} " * 50, {"id": word})


SLOW = {
    "months": ("jan " * 4_500, []),
    "capitals": ("A B C D " * 2_400, []),
    "quotes": ('"a b c d ' * 2_000, []),
    "many said, many looked up": ("5 6 7 8 " * 400, ["1 2 3 " * 300] * 50),
}


@pytest.mark.parametrize("name", SLOW)
def test_what_only_looks_like_figures_costs_little(name: str) -> None:
    text, questions = SLOW[name]
    with watched_turns() as turns:
        ground(text, know(read_results([("call_1", "find", [])]), questions))
    assert turns.all < MOST_CPU


@settings(max_examples=300, deadline=None)
@given(TEXTS, VALUES)
def test_any_answer_and_any_result_can_be_looked_at(text: str, result: Any) -> None:
    at = 0
    for figure in look_up(text, result):
        assert at <= figure.start < figure.end <= len(text)
        assert figure.text == text[figure.start : figure.end]
        assert (figure.call is None) or figure.source in ("tool", "worked_out")
        at = figure.end
