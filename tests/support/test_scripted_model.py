"""The scripted model keeps to its script, and notices every client that leaves."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator

import gevent
import openai
import pytest
import requests

from scripts.child_processes import start
from tests.support.scripted_model import (
    DONE,
    Reply,
    ScriptedModel,
    by_marker,
    call,
    cut_after,
    empty,
    endless,
    error,
    error_mid_stream,
    event,
    raw_bytes,
    reasoning,
    reply,
    stall_after,
    stall_before_first,
    text,
    tool_call,
    tool_calls,
)

QUESTION = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
# Far below the silences in these scripts, far above what a busy machine needs.
PROMPTLY = 10


@pytest.fixture
def client(model: ScriptedModel) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=model.base_url, api_key="k", max_retries=0, timeout=5) as client:
        yield client


def streamed(client: openai.OpenAI) -> list:
    with client.chat.completions.create(
        **QUESTION, stream=True, stream_options={"include_usage": True}
    ) as stream:
        return list(stream)


def words(chunks: list) -> str:
    return "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)


def test_replies_come_in_order_and_the_last_repeats(model, client):
    model.script(text("one"), text("two"))
    assert [words(streamed(client)) for _ in range(3)] == ["one", "two", "two"]


def test_without_a_script_there_is_a_default_answer(client):
    assert words(streamed(client)) == "Hello world"


def test_a_stream_ends_with_a_reason_and_usage(model, client):
    model.script(text("cut off", finish_reason="length"))
    *_, last, usage = streamed(client)
    assert last.choices[0].finish_reason == "length"
    assert (usage.choices, usage.usage.total_tokens) == ([], 12)


def test_requests_are_recorded_with_headers_and_body(model, client):
    streamed(client)
    (record,) = model.requests
    assert record.headers["authorization"] == "Bearer k"
    assert record.path == "/v1/chat/completions"
    assert record.body["messages"] == QUESTION["messages"]
    assert record.finished.is_set()
    assert not record.disconnected.is_set()
    assert record.disconnected_at is None


def test_tool_calls_stream_in_pieces_and_keep_the_text_before(model, client):
    model.script(tool_calls([call("a", {"x": 1}), call("b", "{broken", "call_b")], "Let me see."))
    chunks = streamed(client)
    deltas = [c.choices[0].delta for c in chunks if c.choices]
    pieces = [piece for delta in deltas for piece in delta.tool_calls or ()]
    written = ["".join(p.function.arguments for p in pieces if p.index == i) for i in (0, 1)]
    assert words(chunks) == "Let me see."
    assert written == ['{"x": 1}', "{broken"]
    assert [piece.id for piece in pieces if piece.id][1] == "call_b"


def test_an_unstreamed_request_gets_the_same_answer_whole(model, client):
    model.script(tool_call("a", {"x": 1}, text_before="Now:"), text("no usage", usage=False))
    whole = client.chat.completions.create(**QUESTION)
    assert whole.choices[0].message.content == "Now:"
    assert whole.choices[0].message.tool_calls[0].function.arguments == '{"x": 1}'
    assert client.chat.completions.create(**QUESTION).usage is None


def test_errors_have_status_code_and_headers(model, client):
    model.script(error(429, "slow down", code="rate_limit", headers={"Retry-After": "7"}))
    with pytest.raises(openai.RateLimitError) as caught:
        streamed(client)
    assert caught.value.response.headers["Retry-After"] == "7"
    assert caught.value.code == "rate_limit"


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("stream", [False, True])
def test_a_cut_breaks_the_stream_in_the_middle(model, reset, stream):
    model.script(cut_after("Hello ", reset=reset))
    with pytest.raises(requests.RequestException):
        requests.post(f"{model.base_url}/chat/completions", json={**QUESTION, "stream": stream})


@pytest.mark.parametrize("stream", [False, True])
def test_an_error_in_mid_stream_is_told(model, client, stream):
    model.script(error_mid_stream("Hello ", message="Upstream broke."))
    with pytest.raises(openai.APIError, match="Upstream broke"):
        list(client.chat.completions.create(**QUESTION, stream=True)) if stream else (
            client.chat.completions.create(**QUESTION)
        )


def test_raw_bytes_may_be_cut_inside_a_character(model, client):
    whole = b": a comment\r\n\r\n" + event({"content": "Grüße "}) + event({"content": "🏡"}) + DONE
    model.script(raw_bytes([whole[i : i + 1] for i in range(len(whole))]))
    assert words(streamed(client)) == "Grüße 🏡"


def test_an_empty_answer_is_a_proper_stream_without_words(model, client):
    model.script(empty())
    chunks = streamed(client)
    assert words(chunks) == ""
    assert chunks[-2].choices[0].finish_reason == "stop"


def test_reasoning_comes_before_the_answer(model, client):
    model.script(reasoning("hmm", then=text("Yes.")))
    deltas = [c.choices[0].delta.model_dump() for c in streamed(client) if c.choices]
    assert deltas[1]["reasoning_content"] == "hmm"
    assert deltas[2]["content"] == "Yes."


def test_a_reply_can_hang_on_the_request(model, client):
    model.script(reply(lambda request: text(request.last_user_text * 2)))
    assert words(streamed(client)) == "HiHi"


def test_a_stall_before_the_first_word_can_pass(model, client):
    model.script(stall_before_first(0.01, text("late")))
    assert words(streamed(client)) == "late"


@pytest.mark.parametrize(
    "silent",
    [
        stall_before_first(None),
        stall_after("Hello "),
        endless(0.01),
        endless(0),
        text("a", "b", pace=60),
        raw_bytes([b"data", b": x"], pace=60),
    ],
    ids=["before", "after", "endless", "endless at once", "pacing", "raw"],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_is_noticed_at_once(model, silent: Reply, stream):
    model.script(silent)
    asking = gevent.spawn(
        requests.post, f"{model.base_url}/chat/completions", json={**QUESTION, "stream": stream}
    )
    with gevent.Timeout(PROMPTLY):
        while not model.requests:
            gevent.sleep(0.01)
    asking.kill()
    (record,) = model.requests
    assert record.disconnected.wait(PROMPTLY)
    assert record.disconnected_at is not None
    assert not record.finished.is_set()


def test_garbage_is_dropped_and_a_body_that_is_no_json_is_kept_as_text(model):
    with gevent.socket.create_connection(model._server.address) as sock:
        sock.sendall(b"nonsense\r\n\r\n")
        assert sock.recv(10) == b""
    model.script(error(400, "no JSON"))
    requests.post(f"{model.base_url}/chat/completions", data=b"{oops")
    assert model.requests[0].body == "{oops"
    assert model.requests[0].last_user_text == ""


def test_models_are_listed(model):
    assert requests.get(f"{model.base_url}/models").json()["data"][0]["id"] == "scripted"


@pytest.fixture
def process() -> Iterator[str]:
    command = [sys.executable, "-m", "tests.support.scripted_model", "--port", "0"]
    with start(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            yield server.stdout.readline().split()[-1]
        finally:
            server.terminate()


@pytest.mark.slow
def test_alone_it_answers_by_markers_and_tells_what_came(process):
    with openai.OpenAI(base_url=process, api_key="k", max_retries=0, timeout=10) as client:
        said = marked(client)
        assert said("[[say <b>hi</b>]]") == "<b>hi</b>"
        assert said("[[markdown]]").startswith("## Three homes")
        assert said("Hi") == "Hello world"
        assert said('[[tool findListings {"city": "Portland"}]]') == "Let me see. "
        with pytest.raises(openai.AuthenticationError):
            said("[[error]]")
    seen = requests.get(process.replace("/v1", "/requests")).json()["requests"]
    assert len(seen) == 5
    assert all(one["finished"] and not one["disconnected"] for one in seen)


def test_alone_it_calls_a_tool_once_and_then_answers(model):
    model.script(reply(by_marker))
    user = {"role": "user", "content": "[[tool findListings]]"}
    ask = [user, {"role": "tool", "tool_call_id": "c", "content": "{}"}]
    answer = requests.post(f"{model.base_url}/chat/completions", json={"messages": ask}).json()
    assert answer["choices"][0]["message"]["content"] == "The tool answered."


@pytest.mark.parametrize("marker", ["slow", "stall", "endless"])
def test_alone_its_slow_markers_last_until_the_client_leaves(model, marker):
    model.script(reply(by_marker))
    ask = {"stream": True, "messages": [{"role": "user", "content": f"[[{marker}]]"}]}
    with requests.post(f"{model.base_url}/chat/completions", json=ask, stream=True) as answer:
        assert b"assistant" in next(answer.iter_content(None))
    assert model.requests[0].disconnected.wait(PROMPTLY)


@pytest.mark.parametrize(("marker", "half"), [("[[think]]", ""), ("[[slow]]", "word24 ")])
def test_alone_what_is_held_stays_half_way_until_it_is_let_go(model, client, marker, half):
    model.script(reply(by_marker))
    messages = [{"role": "user", "content": f"{marker} [[held me]]"}]
    stream = client.chat.completions.create(model="m", messages=messages, stream=True)
    read = [next(stream).choices[0].delta.content]
    while read[-1] != half:
        read.append(next(stream).choices[0].delta.content)
    rest = gevent.spawn(lambda: [c.choices[0].delta.content for c in stream if c.choices])
    rest.join(timeout=1)
    assert not rest.ready()
    requests.post(model.base_url.replace("/v1", "/go"), data="me").raise_for_status()
    assert len(rest.get(timeout=PROMPTLY)) == {"[[think]]": 2, "[[slow]]": 25}[marker] + 1


def test_alone_its_cut_marker_cuts(model):
    model.script(reply(by_marker))
    ask = {"stream": True, "messages": [{"role": "user", "content": "[[cut]]"}]}
    with pytest.raises(requests.RequestException):
        requests.post(f"{model.base_url}/chat/completions", json=ask)


def marked(client: openai.OpenAI) -> Callable[[str], str]:
    def said(words: str) -> str:
        message = {"role": "user", "content": words}
        answer = client.chat.completions.create(model="m", messages=[message])
        return json.loads(answer.model_dump_json())["choices"][0]["message"]["content"]

    return said
