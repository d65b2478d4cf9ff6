"""The service speaks OpenAI's protocol, as OpenAI's own client understands it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
import requests
from gevent.pywsgi import WSGIServer

from demo_model import create_app
from demo_model.config import Settings
from tests.support.product import eventually

# The phrases are those of the second domain.
DESK = Path(__file__).parents[2] / "examples" / "support_desk"


def function(name: str, **properties: Any) -> dict[str, Any]:
    parameters = {"type": "object", "properties": properties}
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


FIND = function("findTickets", status={"enum": ["open", "closed"]})
CLOSE = function("closeTicket", ticketId={"type": "string"})
HELLO = [{"role": "user", "content": "hello"}]
TWO = [{"role": "user", "content": "close T-101 and T-103"}]


@pytest.fixture(scope="module")
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A demo model without pauses, or with the pace that the test names."""
    settings = Settings(pace=getattr(request, "param", 0), tool_services_folder=DESK)
    server = WSGIServer(("127.0.0.1", 0), create_app(settings), log=None)
    server.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.stop(timeout=0)


in_words = pytest.mark.parametrize("url", [50], indirect=True, ids=["paced"])


@pytest.fixture
def client(url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=url, api_key="any", max_retries=0, timeout=60) as client:
        yield client


def streamed(client: openai.OpenAI, **request: Any) -> list[Any]:
    with client.chat.completions.create(model="demo", stream=True, **request) as stream:
        return list(stream)


def whole(client: openai.OpenAI, **request: Any) -> Any:
    return client.chat.completions.create(model="demo", **request)


def gathered(chunks: list[Any]) -> tuple[str, list[list[str]], str]:
    """The text, the tool calls and the finish reason of a stream."""
    choices = [chunk.choices[0] for chunk in chunks if chunk.choices]
    text = "".join(choice.delta.content or "" for choice in choices)
    calls: list[list[str]] = []
    for piece in (piece for choice in choices for piece in choice.delta.tool_calls or ()):
        if piece.id:
            calls.append([piece.function.name, ""])
        calls[piece.index][1] += piece.function.arguments
    return text, calls, choices[-1].finish_reason


def test_a_stream_begins_with_the_role_comes_in_words_and_ends_with_a_reason(
    client: openai.OpenAI,
) -> None:
    chunks = streamed(client, messages=HELLO)
    text, calls, reason = gathered(chunks)
    assert chunks[0].choices[0].delta.role == "assistant"
    assert text.startswith("Hello!")
    assert len(chunks) > 50
    assert (calls, reason) == ([], "stop")
    assert {chunk.model for chunk in chunks} == {"demo"}
    assert len({chunk.id for chunk in chunks}) == 1


def test_tool_calls_stream_behind_their_text_several_in_one_turn(client: openai.OpenAI) -> None:
    chunks = streamed(client, messages=TWO, tools=[CLOSE, FIND])
    text, calls, reason = gathered(chunks)
    assert (text, reason) == ("I'll prepare to close T-101.", "tool_calls")
    assert [(name, json.loads(arguments)) for name, arguments in calls] == [
        ("closeTicket", {"ticketId": "T-101"}),
        ("closeTicket", {"ticketId": "T-103"}),
    ]
    deltas = [c.choices[0].delta for c in chunks]
    ids = [piece.id for d in deltas for piece in d.tool_calls or () if piece.id]
    assert len(set(ids)) == 2
    assert all(call_id.startswith("call_") for call_id in ids)


def test_the_whole_answer_is_the_streamed_one(client: openai.OpenAI) -> None:
    for messages, tools in ((HELLO, []), (TWO, [CLOSE, FIND])):
        answer = whole(client, messages=messages, tools=tools)
        [choice], usage = answer.choices, answer.usage
        calls = choice.message.tool_calls or ()
        made = [[call.function.name, call.function.arguments] for call in calls]
        expected = gathered(streamed(client, messages=messages, tools=tools))
        assert (choice.message.content, made, choice.finish_reason) == expected
        assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


def test_usage_comes_last_when_asked_for(client: openai.OpenAI) -> None:
    *others, last = streamed(client, messages=HELLO, stream_options={"include_usage": True})
    assert (last.choices, last.usage.prompt_tokens) == ([], 1)
    assert last.usage.completion_tokens == len(others) - 2
    assert all(chunk.usage is None for chunk in others)


def test_events_are_framed_as_server_sent_events_with_done_last(url: str) -> None:
    ask = {"messages": HELLO, "stream": True}
    answer = requests.post(f"{url}/chat/completions", json=ask)
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    events = answer.text.split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""]
    assert all(event.startswith("data: {") for event in events[:-2])


@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
def test_a_limit_cuts_the_answer_and_says_so(client: openai.OpenAI, limit: str) -> None:
    text, _, reason = gathered(streamed(client, messages=HELLO, **{limit: 2}))
    assert (text, reason) == ("Hello! I'm ", "length")
    [short] = whole(client, messages=HELLO, **{limit: 2}).choices
    assert (short.message.content, short.finish_reason) == (text, reason)
    [cut] = whole(client, messages=TWO, tools=[CLOSE, FIND], **{limit: 5}).choices
    assert (cut.message.tool_calls, cut.finish_reason) == (None, "length")


def test_tools_switched_off_are_not_called(client: openai.OpenAI) -> None:
    text, calls, _ = gathered(
        streamed(client, messages=TWO, tools=[CLOSE, FIND], tool_choice="none")
    )
    assert calls == []
    assert "I can't close the ticket right now" in text


def test_the_conversation_goes_on_with_the_tools_result(client: openai.OpenAI) -> None:
    ask = {"role": "user", "content": [{"type": "text", "text": "which tickets are open?"}]}
    call = {"name": "findTickets", "arguments": '{"status": "open"}'}
    turn = {"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": call}]}
    result = {"role": "tool", "tool_call_id": "c", "content": '{"total": 0, "tickets": []}'}
    text, _, _ = gathered(streamed(client, messages=[ask, turn, result], tools=[FIND]))
    assert text.startswith("I found **no tickets** that are open.")


def test_the_model_is_listed_and_the_service_healthy(url: str, client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["demo"]
    health = requests.get(url.replace("/v1", "/health"))
    assert health.json() == {"status": "ok", "model": "demo"}


CALLING = {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "findTickets"}}]}
RESULT = {"role": "tool", "tool_call_id": "c", "content": "{}"}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("{oops", "JSON"),
        ("", "JSON"),
        ("[]", "object"),
        ("{}", "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "hello"}, "messages"),
        ({"messages": [{"role": "king", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user"}]}, "needs content"),
        ({"messages": [{"role": "assistant"}]}, "needs content"),
        ({"messages": [{"role": "tool", "content": "{}"}]}, "needs a tool_call_id"),
        ({"messages": [RESULT]}, "answers no tool call"),
        ({"messages": [CALLING]}, "missing for c"),
        ({"messages": [CALLING, *HELLO]}, "missing for c"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"id": "c", "name": "x"}]}]},
            "function",
        ),
        ({"messages": HELLO, "n": 2}, "n:"),
        ({"messages": HELLO, "max_tokens": 0}, "max_tokens"),
        ({"messages": HELLO, "tools": [{"type": "function"}]}, "tools.0.function"),
    ],
)
def test_a_malformed_request_is_400_with_a_sentence(url: str, body: Any, words: str) -> None:
    content = body if isinstance(body, str) else json.dumps(body)
    answer = requests.post(f"{url}/chat/completions", data=content)
    error = answer.json()["error"]
    assert answer.status_code == 400
    assert words in error["message"]
    assert error["type"] == "invalid_request_error"
    assert set(error) == {"message", "type", "param", "code"}


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nothing", 404), ("POST", "/models", 405)]
)
def test_an_unknown_path_or_method_is_refused_in_the_same_shape(
    url: str, method: str, path: str, status: int
) -> None:
    answer = requests.request(method, url + path)
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


def test_a_failure_of_its_own_is_500_without_a_trace() -> None:
    app = create_app(Settings(pace=0))
    app.add_url_rule("/broken", view_func=lambda: str(1 / 0))
    answer = app.test_client().get("/broken")
    assert answer.status_code == 500
    assert '"server_error"' in answer.text
    assert "Traceback" not in answer.text


@in_words
def test_words_come_at_the_pace_one_by_one(url: str) -> None:
    ask = {"messages": HELLO, "stream": True, "max_tokens": 5}
    with requests.post(f"{url}/chat/completions", json=ask, stream=True) as answer:
        assert len(list(answer.iter_content(None))) >= 4
    at_once = requests.post(f"{url}/chat/completions", json={"messages": HELLO, "max_tokens": 1})
    assert at_once.json()["choices"][0]["message"]["content"] == "Hello! "


@in_words
def test_a_client_that_leaves_ends_the_answer_at_once(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="demo_model")
    ask = {"messages": HELLO, "stream": True}
    with requests.post(f"{url}/chat/completions", json=ask, stream=True) as answer:
        next(answer.iter_content(None))
    eventually(lambda: "the client left" in caplog.text)
