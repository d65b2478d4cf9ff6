"""Suggested questions are told from the text, however it is cut, and become buttons."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.agent.events import Content, DisplayPart, Done, Event, RunStarted, ToolCallUpdate
from app.rendering.answer import AnswerView
from app.rendering.suggestions import LONGEST, SuggestionFilter, choose, without_suggestions

BLOCK = "```next-questions\nWhat else?\nAnd there?\n```"
CUTS = st.lists(st.sampled_from(["\n", "`", "``", "```", "next", "-questions", " ", "a", "b\n"]))
DONE = Done("completed", "m1")


def asked(*events: Event) -> AnswerView:
    return AnswerView("r1").apply_all([RunStarted("r1", "c1"), *events])


@given(st.integers(1, 40))
def test_a_block_is_never_seen_however_the_answer_is_cut(size: int) -> None:
    source = f"Found **2**.\n\n{BLOCK}\n"
    suggestions, seen = SuggestionFilter(), ""
    for start in range(0, len(source), size):
        seen += suggestions.feed(source[start : start + size])
        assert "```" not in seen
    assert (seen + suggestions.close()).strip() == "Found **2**."
    assert choose(suggestions.questions) == ["What else?", "And there?"]


@given(CUTS)
def test_what_is_streamed_is_what_the_whole_text_gives(pieces: list[str]) -> None:
    suggestions = SuggestionFilter()
    streamed = "".join(suggestions.feed(piece) for piece in pieces) + suggestions.close()
    assert streamed == without_suggestions("".join(pieces))


@pytest.mark.parametrize(
    "text", ["```python\nx\n```", "```", "a ```next-questions\n", "```next-question\n", "`x`\n`"]
)
def test_other_text_stays_as_it_is(text: str) -> None:
    assert without_suggestions(text) == text


def test_a_block_that_was_cut_off_shows_nothing_and_offers_no_half_question() -> None:
    for cut in ("```next-questions", "```next-questions\nWhat el"):
        answer = asked(Content(f"Text.\n{cut}"), DONE)
        assert answer.suggestions == []
        assert answer.parts[0].html == "<p>Text.</p>"  # type: ignore[union-attr]


def test_few_short_questions_are_chosen_each_once() -> None:
    many = [
        "A?",
        " a? ",
        "- B?",
        "",
        "x" * (LONGEST + 1),
        "y" * 10_000,
        "a\x07b",
        7,
        "C?",
        "D",
        "E",
    ]
    assert choose(many) == ["A?", "B?", "C?", "D"]


def test_an_endless_block_is_not_kept() -> None:
    suggestions = SuggestionFilter()
    suggestions.feed("```next-questions\n")
    for _ in range(1000):
        assert suggestions.feed("x" * 1000) == ""
    suggestions.feed("\n" * 1000)
    assert len("".join(suggestions.questions)) < 1000


def test_only_a_complete_answer_suggests_the_models_questions_before_the_tools() -> None:
    part = DisplayPart("suggestion", "And the tool's?")
    call = ToolCallUpdate("call_1", "find", "completed", {}, {}, display=(part,))
    text = Content(f"Text.\n\n{BLOCK}")
    assert asked(call, text).suggestions == []
    assert asked(call, text, Done("stopped", "m1")).suggestions == []
    answer = asked(call, text, DONE)
    assert answer.suggestions == ["What else?", "And there?", "And the tool's?"]
    assert call.shown == ()
    assert asked(text, call, Content("More."), DONE).suggestions == ["And the tool's?"]
