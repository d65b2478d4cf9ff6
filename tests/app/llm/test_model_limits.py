"""A model's window: learned from what endpoints say, and kept to by leaving out what is oldest."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from app.agent.events import Content
from app.agent.messages import AttachedImage, ImageBytes, Message, ToolRequest
from app.agent.tool_results import render_for_model
from app.errors import ContextTooLong, ModelError
from app.llm import endpoint_errors
from app.llm.model_client import ModelClient
from app.llm.model_limits import ModelLimits, request_size
from tests.app.llm.asking import TOOL, Build, ask_all
from tests.support.scripted_model import (
    RecordedRequest,
    Reply,
    ScriptedModel,
    error,
    reply,
    text,
    whole,
)

RULES = [Message("system", "Rules."), Message("system", "About the person.")]


def step(number: int) -> list[Message]:
    call = ToolRequest(f"c{number}", "find", "{}")
    return [Message("assistant", "", (call,)), Message("tool", "x" * 400, call_id=call.id)]


def exchange(number: int) -> list[Message]:
    return [
        Message("user", f"Question {number}"),
        *step(number),
        Message("assistant", f"Answer {number}"),
    ]


PAST = [message for number in range(10) for message in exchange(number)]
NOW = [Message("user", "Now?"), *step(101), *step(102), *step(103)]


def whole_turns(messages: list[Message]) -> bool:
    """Whether each call is answered and each result has its call."""
    calls = [call.id for message in messages for call in message.calls]
    return calls == [message.call_id for message in messages if message.role == "tool"]


@pytest.mark.parametrize("window", range(256, 4_000, 111))
def test_what_is_oldest_is_left_out_in_whole_turns_until_the_rest_fits(window: int) -> None:
    limits = ModelLimits(window, reply_tokens=100)
    asked = limits.fit([*RULES, *PAST, *NOW], [TOOL])
    assert asked[:2] == RULES
    assert whole_turns(asked)
    assert Message("user", "Now?") in asked
    assert asked[-2:] == NOW[-2:]
    everything = [*RULES, *PAST, *NOW]
    assert asked == [message for message in everything if message in asked]
    fits = request_size(asked, [TOOL]) * limits.tokens_per_byte <= window - min(100, window // 4)
    assert fits or asked == [*RULES, NOW[0], *NOW[-2:]]


def result(count: int, note: str = "") -> str:
    rows = [{"id": f"L{number:03}", "text": "A house “by the sea”."} for number in range(count)]
    return render_for_model({"total": count, "rows": rows}, [note] if note else [], 100_000)


@pytest.mark.parametrize("window", [600, 1_000, 2_000, 4_000])
def test_results_that_are_too_long_for_the_window_are_shortened(window: int) -> None:
    calls = tuple(ToolRequest(f"c{number}", "find", "{}") for number in range(3))
    texts = [result(200, "Corrected."), result(1), result(300)]
    results = [
        Message("tool", text, call_id=call.id) for text, call in zip(texts, calls, strict=True)
    ]
    limits = ModelLimits(window, reply_tokens=100)
    asked = limits.fit([*RULES, NOW[0], Message("assistant", "", calls), *results], [TOOL])
    assert request_size(asked, [TOOL]) * limits.tokens_per_byte <= window - 100
    assert whole_turns(asked)
    first, second, third = (json.loads(message.text) for message in asked[-3:])
    assert asked[-2].text == texts[1]
    assert first["note"].startswith("Corrected. ")
    for shortened in (first, third):
        assert shortened["untrusted_data"].keys() & {"rows", "beginning"}
        assert "note" in shortened
    assert second["untrusted_data"]["total"] == 1


def test_successive_questions_mostly_leave_the_same_exchanges_out() -> None:
    limits = ModelLimits(2_000)
    first = [
        limits.fit([*RULES, *(m for n in range(count) for m in exchange(n)), NOW[0]], [])[2]
        for count in range(1, 60)
    ]
    beginnings = len({message.text for message in first})
    assert 5 < beginnings < 60 / 2


def test_a_window_that_is_large_enough_or_unknown_leaves_nothing_out() -> None:
    for limits in (ModelLimits(), ModelLimits(100_000)):
        assert limits.fit([*RULES, *PAST, *NOW], []) == [*RULES, *PAST, *NOW]


@pytest.mark.parametrize(
    ("body", "window", "sent"),
    [
        (
            {"error": {"code": 400, "type": "exceed_context_size_error", "message": "No.",
                       "n_ctx": 4096, "n_prompt_tokens": 5210}},
            4096,
            5210,
        ),
        (
            {"error": {"code": "context_length_exceeded", "message": "This model's maximum context"
                       " length is 8,192 tokens. However, your messages resulted in 9005 tokens."}},
            8192,
            9005,
        ),
        (
            {"message": "The model is loaded with context length of only 4096 tokens, 5210 sent"},
            4096,
            5210,
        ),
        ({"error": {"code": "context_length_exceeded", "message": "Too many tokens."}}, None, None),
        ({"error": {"code": "context_length_exceeded", "n_ctx": -5, "message": "x"}}, None, None),
        ({"error": {"type": "exceed_context_size_error", "n_ctx": [9]}}, None, None),
    ],
)  # fmt: skip
def test_endpoints_say_in_many_ways_how_much_they_take(
    body: Any, window: int | None, sent: int | None
) -> None:
    problem = endpoint_errors.Problem.read(json.dumps(body), 400)
    failure = endpoint_errors._from_problem(problem)
    assert isinstance(failure, ContextTooLong)
    assert (failure.window, failure.sent) == (window, sent)
    assert (failure.code, failure.retryable) == ("model_context", False)


@pytest.mark.parametrize("told", [None, 0, 3, 10**12, 4096])
@pytest.mark.parametrize("sent", [None, 1, 10**12, 5210])
def test_whatever_an_endpoint_says_the_limits_stay_within_bounds(
    told: int | None, sent: int | None
) -> None:
    limits = ModelLimits()
    for _ in range(20):
        limits.learn_from(ContextTooLong("", window=told, sent=sent), size=15_000)
        limits.learn_from_usage(15_000, sent or 0)
    assert limits.window is not None
    assert 256 <= limits.window <= 10_000_000
    assert 0.1 <= limits.tokens_per_byte <= 1


def test_the_estimate_follows_what_the_endpoint_counts(model: ScriptedModel, build: Build) -> None:
    model.script(text("Hi"))  # which counts 7 tokens
    client = build()
    before = client.known["first"].tokens_per_byte
    ask_all(client)
    assert client.known["first"].tokens_per_byte < before


def stream(client: ModelClient, messages: list[Message]) -> str:
    pieces = client.stream(messages, [])
    return "".join(piece.chunk for piece in pieces if isinstance(piece, Content))


def window_of(size: int, refuse: Callable[[int], Reply]) -> Callable[[RecordedRequest], Reply]:
    """An endpoint that takes so many bytes of messages. `refuse` gets how many there were."""

    def answer(request: RecordedRequest) -> Reply:
        sent = len(json.dumps(request.body["messages"]))
        return text("Yes.", usage=False) if sent <= size else refuse(sent)

    return answer


REFUSALS: dict[str, Callable[[int], Reply]] = {
    "with numbers": lambda sent: whole(
        400,
        json.dumps(
            {"error": {"code": 400, "type": "exceed_context_size_error", "message": "Too long.",
                       "n_ctx": 1_000, "n_prompt_tokens": sent // 3}}
        ).encode(),
        "application/json",
    ),
    "with a window": lambda _: error(400, "The maximum context length is 1000 tokens."),
    "without": lambda _: error(400, "Too long.", code="context_length_exceeded"),
}  # fmt: skip


@pytest.mark.parametrize("how", REFUSALS)
def test_a_conversation_past_the_window_is_cut_and_asked_again_unseen(
    model: ScriptedModel, build: Build, how: str
) -> None:
    model.script(reply(window_of(3_000, REFUSALS[how])))
    client = build()
    assert stream(client, [*RULES, *PAST, *NOW]) == "Yes."
    refused = len(model.requests) - 1
    assert 1 <= refused <= 5
    told = model.requests[-1].body["messages"]
    assert told[-1]["content"] == NOW[-1].text
    # It is remembered, so that the next one is cut beforehand.
    assert stream(client, [*RULES, *PAST, *NOW]) == "Yes."
    assert len(model.requests) == refused + 2


def test_where_nothing_more_can_be_left_out_the_question_is_too_long(
    model: ScriptedModel, build: Build
) -> None:
    model.script(reply(window_of(10, REFUSALS["with numbers"])))
    with pytest.raises(ModelError) as caught:
        stream(build(), [*RULES, *PAST, *NOW])
    assert caught.value.code == "model_context"
    assert len(model.requests) <= 6


def test_a_window_that_is_set_is_kept_to_from_the_first_request(
    model: ScriptedModel, build: Build
) -> None:
    model.script(text("Yes."))
    stream(build(context_tokens=1_000), [*RULES, *PAST, *NOW])
    assert len(model.requests) == 1
    assert len(json.dumps(model.requests[0].body["messages"])) < 1_000 * 4


@pytest.mark.parametrize(
    "refusal",
    [
        error(400, "Conversation roles must alternate user/assistant/user/assistant/..."),
        error(500, "Jinja Exception: System message must be at the beginning."),
    ],
)
def test_a_model_that_takes_one_system_message_gets_one(
    model: ScriptedModel, build: Build, refusal: Reply
) -> None:
    def answer(request: RecordedRequest) -> Reply:
        roles = [message["role"] for message in request.body["messages"]]
        return text("Yes.") if roles == ["system", "user"] else refusal

    model.script(reply(answer))
    client = build()
    for requests in (2, 3):
        assert stream(client, [*RULES, Message("user", "Hi")]) == "Yes."
        assert len(model.requests) == requests
    [system, _] = model.requests[-1].body["messages"]
    assert system["content"] == "Rules.\n\nAbout the person."


def test_a_model_that_refuses_one_system_message_too_is_not_asked_forever(
    model: ScriptedModel, build: Build
) -> None:
    model.script(error(400, "System role not supported: roles must alternate"))
    with pytest.raises(ModelError):
        stream(build(), [*RULES, Message("user", "Hi")])
    assert len(model.requests) == 2


def test_an_image_costs_what_a_model_takes_it_for_not_its_bytes() -> None:
    image = AttachedImage("a.png", "image/png", ImageBytes(bytes(3_000_000)))
    asked = [Message("user", "What is it?", files=(image,))]
    assert 1_000 < request_size(asked, []) < 6_000
    assert ModelLimits(window=4_000).fit(asked, []) == asked
