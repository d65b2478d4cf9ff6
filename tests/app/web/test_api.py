"""The JSON API: its contract, its limits, and that it shows people only what is theirs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import requests

from tests.support.product import Person, Product, eventually, text_of
from tests.support.scripted_model import (
    ScriptedModel,
    cut_after,
    endless,
    stall_after,
    text,
    tool_call,
)

pytestmark = pytest.mark.shares_product

Start = Callable[..., Product]


@pytest.mark.parametrize("path", ["/agents/chat-stream", "/agents/chat/stream"])
def test_the_stream_keeps_the_contract(alice: Person, model: ScriptedModel, path: str) -> None:
    model.script(tool_call("findNotes", {"text": "first"}), text("One ", "note."))
    response = alice.api("POST", path, json={"userMessage": "Which?"}, stream=True)
    assert response.headers["Content-Type"].startswith("text/event-stream")
    assert "no-store" in response.headers["Cache-Control"]
    assert response.headers["X-Accel-Buffering"] == "no"
    lines = response.text
    assert lines.startswith("retry: 3000\n\nevent: run\nid: 1\ndata: {")
    assert lines.count("\nid: ") == lines.count("\ndata: ")
    names = [line.removeprefix("event: ") for line in lines.splitlines() if line[:6] == "event:"]
    assert names == ["run", *["thinking"] * 2, *["tool"] * 2, "thinking", *["content"] * 2, "done"]


@pytest.mark.engines
def test_a_conversation_goes_on_by_its_id(alice: Person, model: ScriptedModel) -> None:
    first = alice.ask("One").until("done")[0].json["conversationId"]
    assert alice.ask("Two", first).until("done")[0].json["conversationId"] == first
    said = [m["content"] for m in model.requests[-1].body["messages"] if m["role"] == "user"]
    assert said == ["One", "Two"]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ("", 400, "JSON object"),
        ("{", 400, "JSON object"),
        ("[]", 400, "JSON object"),
        ("null", 400, "JSON object"),
        ("{}", 422, "Type a question"),
        ('{"userMessage": 5}', 422, "Type a question"),
        ('{"userMessage": "   "}', 422, "Type a question"),
        ('{"userMessage": "\\u0000"}', 422, "Type a question"),
        ('{"userMessage": "x", "conversationId": 5}', 422, "a conversation's id"),
        ('{"userMessage": "x", "conversationId": "\\u0000"}', 422, "a conversation's id"),
        ('{"userMessage": "\\ud800"}', 400, "JSON object"),
        pytest.param("[" * 100_000, 400, "JSON object", id="nested without end"),
        ('{"userMessage": "x", "conversationId": "nobody"}', 404, "no such conversation"),
        ('{"userMessage": "%s"}' % ("x" * 8001), 422, "8,001 characters"),
        ('{"userMessage": "%s"}' % ("x" * 1_000_001), 413, "too much"),
        (b"\xff\xfe", 400, "JSON object"),
    ],
)
@pytest.mark.parametrize("path", ["/agents/chat-stream", "/agents/chat"])
def test_bad_input_is_a_sentence_with_the_right_status(
    alice: Person, model: ScriptedModel, path: str, body: str, status: int, words: str
) -> None:
    answer = alice.api("POST", path, data=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["retryable"]) == (status, False)
    assert words in answer.json()["error"]["message"]
    assert not model.requests


@pytest.mark.engines
def test_the_whole_answer_at_once(alice: Person, model: ScriptedModel) -> None:
    model.script(tool_call("findNotes", {"text": "first"}), text("One ", "note."))
    answer = alice.api("POST", "/agents/chat", json={"userMessage": "Which?"})
    body = answer.json()
    assert (answer.status_code, body["status"], body["content"]) == (200, "completed", "One note.")
    assert [call["name"] for call in body["toolCalls"]] == ["findNotes"]
    assert body["usage"]["total_tokens"] == 24
    newest = alice.api("GET", "/agents/chat-history").json()["messages"][-1]
    assert (newest["id"], newest["runId"]) == (body["messageId"], body["runId"])


def test_a_whole_answer_that_failed_says_so(alice: Person, model: ScriptedModel) -> None:
    model.script(cut_after("Half "))
    answer = alice.api("POST", "/agents/chat", json={"userMessage": "x"})
    assert answer.status_code == 502
    assert answer.json()["content"] == "Half "
    assert answer.json()["error"]["retryable"] is True


@pytest.mark.engines
def test_history_is_the_callers_own_whatever_they_ask_for(alice: Person, mallory: Person) -> None:
    conversation = alice.ask("Mine").until("done")[0].json["conversationId"]
    mallory.ask("Other").until("done")
    for query in ("", f"?userId={alice.id}", f"?user_id={alice.id}&userid={alice.id}"):
        messages = mallory.api("GET", f"/agents/chat-history{query}").json()["messages"]
        assert [message["content"] for message in messages] == ["Other", "Hello world"]
    other = mallory.api("GET", f"/agents/chat-history?conversationId={conversation}")
    assert other.status_code == 404


@pytest.mark.engines
def test_history_can_be_bounded_and_narrowed(alice: Person) -> None:
    first = alice.ask("One").until("done")[0].json["conversationId"]
    alice.ask("Two").until("done")
    alice.ask("Three", first).until("done")
    narrowed = alice.api("GET", f"/agents/chat-history?conversationId={first}&limit=3").json()
    assert [m["content"] for m in narrowed["messages"]] == ["Hello world", "Three", "Hello world"]
    for limit in ("0", "201", "x", "-1", "1e3", "٣"):
        answer = alice.api("GET", "/agents/chat-history", params={"limit": limit})
        assert (answer.status_code, "1 to 200" in answer.text) == (422, True)


@pytest.mark.engines
def test_stats_count_the_callers_own(alice: Person, mallory: Person) -> None:
    assert alice.api("GET", "/agents/chat-history-stats").json() == {
        "totalMessages": 0,
        "userMessages": 0,
        "assistantMessages": 0,
        "conversations": 0,
        "firstMessageAt": None,
        "lastMessageAt": None,
    }
    mallory.ask("Other").until("done")
    first = alice.ask("One").until("done")[0].json["conversationId"]
    alice.ask("Two", first).until("done")
    stats = alice.api("GET", "/agents/chat-history-stats").json()
    assert (stats["totalMessages"], stats["userMessages"], stats["conversations"]) == (4, 2, 1)
    assert stats["firstMessageAt"] < stats["lastMessageAt"]


def test_silence_is_filled_with_pings_that_a_script_can_see(
    start: Start, model: ScriptedModel
) -> None:
    alice = start(ping_interval=0.05).sign_up("Alice")
    model.script(stall_after("Wait"))
    stream = alice.ask("x")
    stream.until("content")
    ping = stream.until("ping")[-1]
    assert ping.json == {}
    assert ping.id is not None
    assert [message.event for message in (next(iter(stream)), next(iter(stream)))] == ["ping"] * 2


@pytest.mark.own_product
@pytest.mark.engines
def test_after_the_log_was_dropped_the_text_comes_once_and_replaces(
    alice: Person, model: ScriptedModel
) -> None:
    model.script(tool_call("findNotes", {}, text_before="Look."), text("All ", "of it."))
    messages = alice.ask("x").until("done")
    run = messages[0].json["runId"]
    whole = text_of(messages)
    alice.product.forget_logs()  # what five minutes do
    half = messages[: len(messages) // 2]
    rest = alice.resume(run, half[-1].id).until("done")
    assert text_of(half + rest) == whole == "Look.\n\nAll of it."
    assert [m.json["status"] for m in rest if m.event == "tool"] == ["completed"]
    assert "Look." in alice.watch(run).all()[0].data


@pytest.mark.engines
@pytest.mark.parametrize(
    ("limit", "status"),
    [("max_streams_per_user", 429), ("max_streams", 503)],
    ids=["own", "overall"],
)
def test_beyond_the_limit_a_stream_is_refused_with_a_clear_answer(
    start: Start, model: ScriptedModel, limit: str, status: int
) -> None:
    model.script(endless(pace=0.01))
    alice = start(**{limit: 2, "ping_interval": 0.05}).sign_up("Alice")
    first, second = alice.ask("One"), alice.ask("Two")
    run = first.until("content")[0].json["runId"]
    second.until("content")
    refused = alice.api("GET", f"/agents/chat-stream/{run}")
    assert (refused.status_code, refused.json()["error"]["code"]) == (status, "too_many_streams")
    assert int(refused.headers["Retry-After"]) > 0
    unasked = alice.api("POST", "/agents/chat-stream", json={"userMessage": "Three"})
    assert unasked.status_code == status
    assert len(model.requests) == 2, "a question that could not be streamed was asked all the same"
    assert [message.event for message in alice.watch(run).all()] == ["busy"]
    polled = alice.get(f"/runs/{run}", headers={"HX-Request": "true"})
    assert polled.headers["Run-Status"] == "running"
    assert f'id="a-{run}"' in polled.text
    second.close()
    # The limit is of all workers, and of these it is told a moment later.
    eventually(lambda: alice.api("GET", "/sse/health").json()["openEverywhere"] == 1)
    again = alice.resume(run)
    assert again.until("content")


@pytest.mark.engines
def test_the_registry_tells_who_is_there_and_forgets_who_has_gone(
    start: Start, model: ScriptedModel
) -> None:
    product = start(ping_interval=0.05)
    alice = product.sign_up("Alice")
    model.script(stall_after("Wait"))
    stream = alice.ask("x")
    run = stream.until("content")[0].json["runId"]
    other = alice.watch(run)
    other.until("parts")
    seen = requests.get(f"{product.url}/sse/health").json()
    assert (seen["openStreams"], seen["readers"]) == (2, 1)
    assert seen["byKind"] == {"json": 1, "fragments": 1}
    assert seen["runs"]["activeRuns"] == 1
    assert seen["oldestSeconds"] >= 0
    assert seen["limits"] == {"streams": 2000, "streamsPerUser": 20}
    stream.close()
    other.close()
    eventually(lambda: requests.get(f"{product.url}/sse/health").json()["openStreams"] == 0)
    assert requests.get(f"{product.url}/sse/health").json()["runs"]["activeRuns"] == 1


@pytest.mark.engines
def test_health_tells_of_the_engines_and_the_services(product: Product) -> None:
    redis = "up" if product.settings.redis_url else "off"
    body = requests.get(f"{product.url}/health")
    assert (body.status_code, body.json()) == (
        200,
        {
            "status": "ok",
            "database": "up",
            "redis": redis,
            "approvals": "ok",
            "services": {"notes": "up"},
        },
    )
