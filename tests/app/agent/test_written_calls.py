"""A reply that is nothing but a call as text is that call; everything else is an answer."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.agent.events import Content
from app.agent.messages import Turn
from app.agent.written_calls import MAX_HELD_CHARS, announced_tool, take_written_call
from app.errors import ModelUnavailable
from tests.app.agent.test_loop import results, told
from tests.support.product import Person, text_of
from tests.support.scripted_model import ScriptedModel, cut_after, text, tool_call

CALL = '{"name": "findNotes", "arguments": {"text": "first"}}'
WRITTEN = [
    CALL,
    f"\n ```json\n{CALL}\n```\n",
    f"```\n{CALL}\n```",
    f"<tool_call>\n{CALL}\n</tool_call>",
    f"<tool_call>{CALL}",
    f"<tools>\n{CALL}\n</tools>",
    f"{{{CALL}}}",
    '{"name": "findNotes", "parameters": {"text": "first"}}',
    '{"arguments": "{\\"text\\": \\"first\\"}", "name": "findNotes"}',
    '{"type": "function", "function": {"name": "findNotes", "arguments": {"text": "first"}}}',
]
ANSWERS = [
    f"{CALL} is what I would call.",
    f"I call this:\n{CALL}",
    f"{CALL}\nThat is the call.\n{CALL}",
    f'{CALL}\n{{"name": "dropTables", "arguments": {{}}}}',
    '{"name": "dropTables", "arguments": {}}',
    '{"name": "Ann", "age": 3}',
    '{"name": {"first": "Ann"}}',
    '{"function": {"name": ["findNotes"]}}',
    '{"name": "findNotes", "arguments": {"text": "first"}',
    '{"city": "Anytown"}',
    "```python\nprint()\n```",
    f"{{{CALL}",
    f"{{{CALL}, and more}}",
    "[1]",
    "",
]


def pieces(whole: str) -> list[str]:
    return [whole[at : at + 3] for at in range(0, len(whole), 3)]


def taken(
    whole: str, names: Collection[str] = ("findNotes",), harmless: Collection[str] = ()
) -> tuple[str, Turn]:
    """The text that readers get of a reply that comes in pieces, and the turn."""

    def reply() -> Any:
        yield from map(Content, pieces(whole))
        return Turn(whole, ())

    shown, steps = "", take_written_call(reply(), names, harmless)
    while True:
        try:
            piece = next(steps)
            shown += piece.chunk if isinstance(piece, Content) else ""
        except StopIteration as end:
            return shown, end.value


@pytest.mark.parametrize("written", WRITTEN)
def test_a_written_call_is_made_and_its_text_is_shown_to_nobody(
    alice: Person, model: ScriptedModel, written: str
) -> None:
    model.script(text(*pieces(written)), text("One."))
    messages = alice.ask("x").until("done")
    assert text_of(messages) == "One."
    assert results(model)[0]["notes"] == ["first"]
    turn = told(model)[3]
    assert turn["content"] in (None, "")
    [called] = turn["tool_calls"]
    assert json.loads(called["function"]["arguments"]) == {"text": "first"}


OTHER = '{"name": "countNotes", "arguments": {}}'


@pytest.mark.parametrize(
    "written",
    [
        f"{CALL}\n{OTHER}",
        f"```json\n{CALL}\n{OTHER}\n```",
        f"```json\n{CALL}\n```\n\n```json\n{OTHER}\n```",
        f"<tool_call>\n{CALL}\n</tool_call>\n<tool_call>\n{OTHER}\n</tool_call>",
    ],
)
def test_several_written_calls_are_several_calls(written: str) -> None:
    shown, turn = taken(written, {"findNotes", "countNotes"})
    assert (shown, turn.text) == ("", "")
    assert [call.name for call in turn.calls] == ["findNotes", "countNotes"]
    assert len({call.id for call in turn.calls}) == 2


@pytest.mark.parametrize("answer", ANSWERS)
def test_what_is_no_call_of_an_offered_tool_is_the_answer(answer: str) -> None:
    assert taken(answer) == (answer, Turn(answer, ()))


@given(st.text(st.sampled_from('{}"`<>/ \nnametool_cjs:,'), max_size=40))
def test_no_text_is_lost(answer: str) -> None:
    assert taken(answer) == (answer, Turn(answer, ()))
    assert taken(answer, harmless=["findNotes"]) == (answer, Turn(answer, ()))


@pytest.mark.parametrize("fence", ["```json", "```", "```tool_call"])
def test_a_call_in_a_fenced_block_is_made_and_what_is_made_up_below_it_is_left_out(
    alice: Person, model: ScriptedModel, fence: str
) -> None:
    written = f"I look:\n{fence}\n{CALL}\n```\nThere are 7 notes."
    model.script(text(*pieces(written)), text("One."))
    messages = alice.ask("x").until("done")
    assert text_of(messages).split() == ["I", "look:", "One."]
    assert results(model)[0]["notes"] == ["first"]


@pytest.mark.parametrize(
    "answer",
    [
        f"I quote:\n```json\n{CALL.replace('findNotes', 'sendNotes')}\n```\nDone.",
        f"In a line: ```{CALL}``` is it.",
        '```json\n{"name": "findNotes"\n```\nand more',
        '```json\n{"city": "Anytown"}\n```\nand ```more',
        "```python\nprint()\n```\n",
    ],
)
def test_a_fenced_block_that_is_no_harmless_call_is_part_of_the_answer(answer: str) -> None:
    found = taken(answer, ("findNotes", "sendNotes"), harmless=["findNotes"])
    assert found == (answer, Turn(answer, ()))


def test_a_model_that_only_says_what_it_will_call_is_reminded_once(
    alice: Person, model: ScriptedModel
) -> None:
    announced = "To find them, I will use the `findNotes` function."
    model.script(text(announced), tool_call("findNotes", {"text": "first"}), text("One."))
    messages = alice.ask("x").until("done")
    assert text_of(messages).endswith("One.")
    assert results(model)[0]["notes"] == ["first"]
    assert "findNotes was not called" in told(model, 1)[-1]["content"]
    model.script(text(announced), text("Or not."))
    assert text_of(alice.ask("y").until("done")).endswith("Or not.")


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ("I'll call findNotes.", "findNotes"),
        ("Ich werde `findNotes` aufrufen.", "findNotes"),
        ("I found one with findNotes.", None),
        ("I will find them.", None),
        ("I will use findNotes, then sendNotes.", None),
        ("I will use findNotesOf.", None),
    ],
)
def test_what_announces_one_call(said: str, named: str | None) -> None:
    assert announced_tool(said, ["findNotes", "sendNotes"]) == named


def test_text_is_held_back_only_as_far_as_it_may_be_a_call() -> None:
    def shown_after(whole: str) -> int:
        read = 0

        def reply() -> Any:
            nonlocal read
            for piece in pieces(whole):
                read += len(piece)
                yield Content(piece)
            return Turn(whole, ())

        next(take_written_call(reply(), {"findNotes"}))
        return read

    assert shown_after("Here are the notes.") == 3
    assert shown_after("```python\nprint()\n```") <= 6
    assert shown_after('{"city": "Anytown"}') <= 6
    assert shown_after('{"name": "' + "x" * 100_000) <= MAX_HELD_CHARS + 3


def test_what_was_held_back_is_shown_when_the_model_breaks_off(
    alice: Person, model: ScriptedModel
) -> None:
    model.script(cut_after('{"name": ', '"find'))
    messages = alice.ask("x").until("done")
    assert messages[-1].json["status"] == "failed"
    assert text_of(messages) == '{"name": "find'


def test_a_reply_is_closed_with_its_reader() -> None:
    closed = []

    def reply() -> Any:
        try:
            yield Content("Hello")
            raise ModelUnavailable("It was read on.")
        finally:
            closed.append(True)

    steps = take_written_call(reply(), {"findNotes"})
    next(steps)
    steps.close()
    assert closed == [True]
