"""The chat completions protocol: what is taken from each endpoint's replies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.agent.messages import Message, ToolRequest, Turn
from app.agent.usage import Usage
from app.agent.written_calls import take_written_call
from app.errors import ModelError
from app.llm.chat_completions_chunks import decode_chunk
from app.llm.chat_completions_request import request_body
from app.llm.reply_limits import ReplyLimits
from tests.app.llm.asking import MESSAGES, TOOL, Ask, Build, failure
from tests.support.scripted_model import (
    DONE,
    ScriptedModel,
    call,
    event,
    raw_bytes,
    text,
    tool_call,
    tool_calls,
)

RECORDED = Path(__file__).parent / "recorded"
CALLS = [("find", {"city": "Bergen"}), ("count", {"of": "boats"})]


def recorded(name: str) -> Any:
    return raw_bytes([(RECORDED / f"{name}.sse").read_bytes()])


@pytest.mark.parametrize(
    ("name", "said", "usage", "wrote"),
    [
        ("openai", "Two boats fit.", Usage(41, 6, 47), "gpt-4.1-mini-2025-04-14"),
        ("azure", "Two boats.", Usage(30, 4, 34), "gpt-4o-2024-11-20"),
        ("llama-cpp", "Two boats.", Usage(31, 5, 36), "qwen2.5-1.5b-instruct-q4_k_m.gguf"),
        ("vllm-thinking", "\n\nTwo boats.", Usage(22, 18, 40), "Qwen/Qwen3-8B"),
        ("openrouter", "Two boats.", Usage(12, 9, 21), "deepseek/deepseek-r1"),
        ("mistral-thinking", "Two boats.", Usage(80, 21, 101), "mistral-small-latest"),
    ],
)
def test_each_endpoints_text_is_read(
    model: ScriptedModel, ask: Ask, name: str, said: str, usage: Usage, wrote: str
) -> None:
    model.script(recorded(name))
    chunks, turn = ask()
    assert "".join(chunks) == said
    assert turn == Turn(said, (), usage, wrote)


@pytest.mark.parametrize(
    "details",
    [
        {"prompt_tokens_details": {"cached_tokens": 30, "audio": 0}},
        {"prompt_cache_hit_tokens": 30, "prompt_tokens_details": None},
        {"prompt_cache_hit_tokens": 30, "prompt_tokens_details": ["odd"]},
        {"prompt_cache_hit_tokens": 30, "prompt_tokens_details": {"cached_tokens": {"odd": 1}}},
    ],
)
def test_tokens_that_the_endpoint_had_read_before_are_counted(
    model: ScriptedModel, ask: Ask, details: dict[str, Any]
) -> None:
    usage = {"prompt_tokens": 40, "completion_tokens": 2, "total_tokens": 42} | details
    counts = json.dumps({"choices": [], "usage": usage})
    said = event({"content": "Hi"}) + event({}, "stop") + f"data: {counts}\n\n".encode() + DONE
    model.script(raw_bytes([said]))
    assert ask()[1].usage == Usage(40, 2, 42, cached_tokens=30)


@pytest.mark.parametrize(
    ("name", "calls"),
    [
        ("openai-tools", CALLS),
        ("ollama-tools", CALLS),
        ("mistral-tools", CALLS),
        ("gemini-tools", CALLS),
        ("vllm-tools", CALLS[:1]),
    ],
)
def test_each_endpoints_tool_calls_are_read(
    model: ScriptedModel, ask: Ask, name: str, calls: list[Any]
) -> None:
    model.script(recorded(name))
    _, turn = ask()
    assert turn.text == ""
    assert [(call.name, decoded(call)) for call in turn.calls] == calls


@pytest.mark.parametrize(
    ("name", "cities", "usage"),
    [
        ("llama-cpp-written-call", ["Bergen"], Usage(171, 30, 201, cached_tokens=5)),
        ("llama-cpp-written-calls", ["Bergen", "Oslo"], Usage(183, 54, 237, cached_tokens=165)),
    ],
)
def test_calls_that_llama_cpp_leaves_in_the_text_are_taken(
    model: ScriptedModel, build: Build, name: str, cities: list[str], usage: Usage
) -> None:
    model.script(recorded(name))
    stream = take_written_call(build().stream(MESSAGES, [TOOL]), {TOOL.name})
    with pytest.raises(StopIteration) as end:
        next(stream)
    turn: Turn = end.value.value
    assert [(call.name, decoded(call)["city"]) for call in turn.calls] == [
        ("find", city) for city in cities
    ]
    assert turn.usage == usage


def decoded(call: ToolRequest) -> Any:
    [message] = request_body("m", [Message("assistant", "", (call,))], [])["messages"]
    return json.loads(message["tool_calls"][0]["function"]["arguments"])


def test_where_the_endpoint_names_no_model_it_is_the_one_that_was_asked(
    model: ScriptedModel, ask: Ask
) -> None:
    said = b'data: {"choices": [{"delta": {"content": "Hi"}, "finish_reason": "stop"}]}\n\n'
    model.script(raw_bytes([said]))
    assert ask("asked")[1].model == "asked"


def test_an_error_in_mid_stream_keeps_what_was_written_and_its_words(
    model: ScriptedModel, build: Build
) -> None:
    model.script(recorded("openrouter-error"))
    said, problem = failure(build(attempts=1))
    assert (said, problem.code, problem.retryable) == ("Two bo", "model_unavailable", True)
    assert problem.detail == "502 The provider hung up."


@pytest.mark.parametrize("limit", [1, 11, 12])
def test_an_answer_ends_at_its_limit_and_has_all_up_to_there(
    model: ScriptedModel, build: Build, limit: int
) -> None:
    model.script(text("Hello ", "wörld ", "and all"))
    said, problem = failure(build(limits=ReplyLimits(characters=limit)))
    assert said == "Hello wörld and all"[:limit]
    assert (problem.code, problem.retryable) == ("answer_too_long", False)
    assert f"limit of {limit} characters" in problem.message
    assert len(model.requests) == 1


def test_an_answer_as_long_as_its_limit_is_whole(model: ScriptedModel, ask: Ask) -> None:
    model.script(text("Hello ", "wörld"))
    assert ask(limits=ReplyLimits(characters=11))[1].text == "Hello wörld"


def test_arguments_have_a_limit_too(model: ScriptedModel, build: Build, ask: Ask) -> None:
    model.script(tool_call("find", {"city": "x" * 300}, text_before="Look:"))
    said, problem = failure(build(limits=ReplyLimits(characters=200)))
    assert (said, problem.code) == ("Look:", "answer_too_long")
    assert ask(limits=ReplyLimits(characters=400))[1].calls


def test_a_turn_has_a_limit_for_its_calls(model: ScriptedModel, build: Build, ask: Ask) -> None:
    model.script(tool_calls([call("find", {})] * 5, text_before="Look:"))
    said, problem = failure(build(limits=ReplyLimits(calls=4)))
    assert (said, problem.code, problem.retryable) == ("Look:", "too_many_calls", False)
    assert len(ask(limits=ReplyLimits(calls=5))[1].calls) == 5


@pytest.mark.parametrize(
    "data",
    [
        b'{"choices": [',
        b"[]",
        b'"text"',
        b'{"choices": 5}',
        b'{"choices": [{"delta": {"content": 5}}]}',
        b'{"error": ' + 50_000 * b"[" + 50_000 * b"]" + b"}",
        b'{"unknown": ' + 50_000 * b'{"a":' + b"1" + 50_001 * b"}",
        b'{"choices": [{"delta": {"content": "\\ud83d"}, "x": ' + 50_000 * b"[",
        b'{"choices": [{"delta": {"content": "\\ud83d"}}], "error": ["\\ud83d"]}',
        b'{"choices": "\xff"}',
    ],
    ids=lambda data: repr(data)[:50],
)
def test_what_is_no_chunk_is_an_error_of_the_endpoint(data: bytes) -> None:
    with pytest.raises(ModelError) as caught:
        decode_chunk(data)
    assert caught.value.code == "model_unavailable"
    assert caught.value.detail


@pytest.mark.parametrize("thoughts", ['"hm"', '["hm"]', '{"text": "hm"}'])
def test_thoughts_of_any_shape_are_thoughts(model: ScriptedModel, ask: Ask, thoughts: str) -> None:
    thought = f'data: {{"choices": [{{"delta": {{"reasoning": {thoughts}}}}}]}}\n\n'.encode()
    model.script(raw_bytes([thought, event({"content": "Yes"}), event({}, "stop"), DONE]))
    assert ask()[1].text == "Yes"


def test_a_reply_that_reaches_its_limit_says_so(model: ScriptedModel, ask: Ask) -> None:
    model.script(text("Half an", finish_reason="length"), text("A whole one."))
    assert ask()[1].cut_off
    assert not ask()[1].cut_off


def test_a_limit_that_leaves_no_room_for_an_answer_is_told_to_be_raised(
    model: ScriptedModel, build: Build
) -> None:
    model.script(text(finish_reason="length"))
    _, problem = failure(build())
    assert (problem.code, problem.retryable) == ("model_no_room", False)
    assert "MAX_TOKENS" in problem.message
