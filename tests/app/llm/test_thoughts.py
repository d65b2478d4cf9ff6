"""Thoughts at the beginning of a reply's text are dropped, however it is cut into pieces."""

from __future__ import annotations

import pytest

from app.llm.thoughts import LONGEST_THOUGHTS, ThoughtFilter, Thoughts
from tests.app.llm.asking import Ask, Build, failure
from tests.support.scripted_model import ScriptedModel, call, text, tool_calls


def filtered(whole: str, size: int) -> tuple[str, str]:
    """The answer, and the thoughts before it."""
    kept: list[str] = []
    thoughts = ThoughtFilter(kept.append)
    pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
    return "".join(map(thoughts.add, pieces)) + thoughts.end(), "".join(kept)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9, 100])
@pytest.mark.parametrize(
    ("whole", "answer", "thoughts"),
    [
        ("<think>hm < so</think>\n\nTwo boats.", "Two boats.", "hm < so"),
        ("\n<think></think>Two <think>boats</think>.", "Two <think>boats</think>.", ""),
        ("<think>a</thin </think> b</think>c", "b</think>c", "a</thin "),
        ("<thin ice>", "<thin ice>", ""),
        ("<thi", "<thi", ""),
        ("\n\nTwo boats.", "\n\nTwo boats.", ""),
        ("I <think>so</think>", "I <think>so</think>", ""),
        (" " * 300 + "far", " " * 300 + "far", ""),
    ],
)
def test_only_thoughts_at_the_beginning_are_taken_out(
    whole: str, answer: str, thoughts: str, size: int
) -> None:
    assert filtered(whole, size) == (answer, thoughts)


def test_of_endless_thoughts_only_the_beginning_is_kept() -> None:
    thoughts = Thoughts(iter(range(100)).__next__)
    taken_out = ThoughtFilter(thoughts.add)
    assert not any(taken_out.add(piece) for piece in ["<think>", *["hm " * 1_000] * 1_000])
    told = thoughts.take()
    assert told is not None
    assert (len(told.thoughts), told.thoughts[-1], told.seconds) == (LONGEST_THOUGHTS + 1, "…", 1)


def test_thoughts_in_the_text_are_not_the_answer(model: ScriptedModel, ask: Ask) -> None:
    model.script(text("<thi", "nk>Boats? ", "Two.</th", "ink>", "\n\n", "Two", " boats."))
    chunks, turn = ask()
    assert chunks == ["Two", " boats."]
    assert turn.text == "Two boats."


def test_thoughts_before_a_tool_call_are_no_text(model: ScriptedModel, ask: Ask) -> None:
    model.script(tool_calls([call("find", {})], text_before="<think>Look.</think>\n"))
    chunks, turn = ask()
    assert (chunks, turn.text, len(turn.calls)) == ([], "", 1)


def test_thoughts_alone_are_an_empty_answer(model: ScriptedModel, build: Build) -> None:
    model.script(text("<think>", "hm"))
    said, problem = failure(build(attempts=1))
    assert (said, problem.code) == ("", "model_empty")
