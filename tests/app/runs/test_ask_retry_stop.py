"""A run outlives its readers, stops when it is asked to, and says how it ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import gevent
import pytest

from app.db.models import db
from tests.support.product import Message, Person, Product, eventually, text_of
from tests.support.scripted_model import (
    Reply,
    ScriptedModel,
    call,
    cut_after,
    empty,
    endless,
    error,
    stall_after,
    stall_before_first,
    text,
    tool_call,
    tool_calls,
)
from tests.support.tool_services import WaitingService

pytestmark = pytest.mark.shares_product

Start = Callable[..., Product]
FIND = tool_call("findNotes", {"text": "first"}, text_before="Let me look.")


def run_id(messages: list[Message]) -> str:
    return str(messages[0].json["runId"])


def last(person: Person) -> dict[str, Any]:
    """The newest message of the person's history."""
    message: dict[str, Any] = person.api("GET", "/agents/chat-history").json()["messages"][-1]
    return message


def stop(person: Person, run: str) -> dict[str, Any]:
    answer: dict[str, Any] = person.api("POST", f"/runs/{run}/stop").json()
    return answer


def assert_well_formed(messages: list[dict[str, Any]]) -> None:
    """Every tool call is followed by its result, as model endpoints demand."""
    waiting: list[str] = []
    for message in messages:
        if message["role"] == "tool":
            assert message["tool_call_id"] == waiting.pop(0)
        else:
            assert not waiting
            waiting = [call["id"] for call in message.get("tool_calls", [])]
    assert not waiting


# Stop


@pytest.mark.engines
@pytest.mark.parametrize(
    ("reply", "seen", "kept"),
    [
        (stall_before_first(None), "thinking", ""),
        (stall_after("Half an answer"), "content", "Half an answer"),
        (endless(pace=0.01), "content", None),
    ],
    ids=["before the first token", "in a stall", "in full flow"],
)
def test_stop_closes_the_connection_to_the_model_and_keeps_the_text(
    alice: Person, model: ScriptedModel, reply: Reply, seen: str, kept: str | None
) -> None:
    model.script(reply)
    stream = alice.ask("Hello")
    messages = stream.until(seen)
    eventually(lambda: model.requests)
    assert stop(alice, run_id(messages))["status"] == "stopped"
    eventually(model.requests[0].disconnected.is_set)
    messages += stream.until("done")
    assert messages[-1].json["status"] == "stopped"
    assert last(alice)["status"] == "stopped"
    assert last(alice)["content"] == text_of(messages)
    if kept is not None:
        assert text_of(messages) == kept


@pytest.mark.engines
def test_stop_at_the_very_first_moment_is_a_stop(alice: Person, model: ScriptedModel) -> None:
    model.script(endless(pace=0.01))
    stream = alice.ask("Hello")
    stop(alice, run_id(stream.until("run")))
    assert stream.until("done")[-1].json["status"] == "stopped"
    gevent.sleep(0.05)
    assert all(request.disconnected.is_set() for request in model.requests)


@pytest.mark.engines
def test_after_a_stop_in_a_tool_call_the_conversation_goes_on(
    start: Start, model: ScriptedModel
) -> None:
    with WaitingService() as slow:
        product = start(tool_services={"slow": slow.url})
        alice = product.sign_up("Alice")
        model.script(tool_calls([call("wait", {"n": n}) for n in (1, 2)]), text("Fine"))
        stream = alice.ask("Wait")
        messages = stream.until("tool")
        eventually(lambda: slow.waiting == 2)
        conversation = messages[0].json["conversationId"]
        stop(alice, run_id(messages))
        messages += stream.until("done")
        assert messages[-1].json["status"] == "stopped"
        ends = [message.json for message in messages if message.event == "tool"][-2:]
        assert [end["status"] for end in ends] == ["failed", "failed"]
        assert alice.ask("And now?", conversation).until("done")[-1].json["status"] == "completed"
        assert_well_formed(model.requests[-1].body["messages"])
        results = [m["content"] for m in model.requests[-1].body["messages"] if m["role"] == "tool"]
        assert len(results) == 2
        assert "stopped" in results[0]


@pytest.mark.engines
def test_stopping_a_run_that_has_ended_changes_nothing(alice: Person, model: ScriptedModel) -> None:
    messages = alice.ask("Hello").until("done")
    assert stop(alice, run_id(messages))["status"] == "completed"


def test_stop_works_without_script_and_from_another_tab(
    alice: Person, model: ScriptedModel
) -> None:
    model.script(endless(pace=0.01))
    stream = alice.ask("Hello")
    run = run_id(stream.until("content"))
    answer = alice.post(f"/runs/{run}/stop")
    assert (answer.status_code, "/conversations/" in answer.headers["Location"]) == (303, True)
    assert "Stopped." in alice.get(answer.headers["Location"]).text
    assert stream.until("done")[-1].json["status"] == "stopped"


# Readers come and go


@pytest.mark.engines
def test_an_answer_is_finished_though_nobody_reads_it(alice: Person, model: ScriptedModel) -> None:
    model.script(text(*["word "] * 50, pace=0.005))
    stream = alice.ask("Hello")
    stream.until("content")
    stream.close()
    eventually(lambda: last(alice)["status"] == "completed")
    assert last(alice)["content"] == "word " * 50


@pytest.mark.engines
def test_a_setting_stops_runs_that_nobody_reads(start: Start, model: ScriptedModel) -> None:
    product = start(abandoned_run_seconds=1, ping_interval=0.05)
    alice = product.sign_up("Alice")
    model.script(endless(pace=0.01))
    stream = alice.ask("Hello")
    stream.until("content")
    gevent.sleep(1.5)
    assert not model.requests[0].disconnected.is_set(), "it was cut short while being read"
    stream.close()
    eventually(model.requests[0].disconnected.is_set)
    eventually(lambda: last(alice)["status"] == "stopped")
    assert last(alice)["content"]


@pytest.mark.engines
def test_a_reader_resumes_after_its_last_event(alice: Person, model: ScriptedModel) -> None:
    model.script(text(*[f"{number} " for number in range(60)], pace=0.01))
    stream = alice.ask("Count")
    first = [*stream.until("content"), *[next(iter(stream)) for _ in range(5)]]
    stream.close()
    rest = alice.resume(run_id(first), first[-1].id).all()
    assert [message.id for message in first + rest] == list(range(1, len(first + rest) + 1))
    assert text_of(first + rest) == "".join(f"{number} " for number in range(60))


@pytest.mark.parametrize("place", ["", "-1", "x", "99999999999999999999", "1.5", "٣"])
def test_an_invalid_cursor_means_the_beginning(alice: Person, place: str) -> None:
    run = run_id(alice.ask("Hello").until("done"))
    answer = alice.api(
        "GET", f"/agents/chat-stream/{run}", headers={"Last-Event-ID": place.encode()}
    )
    assert answer.text.count("event: run") == 1
    assert answer.text.count("event: done") == 1


# Failures


@pytest.mark.parametrize(
    ("reply", "settings", "code", "written"),
    [
        (error(401, "x"), {}, "model_key", ""),
        (cut_after("Half "), {}, "model_connection", "Half "),
        (empty(), {"model_attempts": 1}, "model_empty", ""),
        (endless(pace=0.05), {"run_timeout": 2}, "run_timeout", None),
        (stall_before_first(None), {"first_token_timeout": 0.1, "model_attempts": 1}, None, ""),
    ],
    ids=["bad key", "cut off", "empty", "run time-out", "first-token time-out"],
)
def test_a_failed_answer_says_why_and_keeps_its_text(
    start: Start,
    model: ScriptedModel,
    reply: Reply,
    settings: dict[str, float],
    code: str,
    written: str | None,
) -> None:
    model.script(reply)
    alice = start(**settings).sign_up("Alice")
    messages = alice.ask("Hello").until("done")
    problem = messages[-2]
    assert problem.event == "error"
    assert problem.json["code"] == (code or "model_timeout")
    assert messages[-1].json["status"] == "failed"
    assert last(alice)["content"] == text_of(messages)
    if written is not None:
        assert text_of(messages) == written
    page = alice.get(f"/conversations/{messages[0].json['conversationId']}").text
    assert problem.json["message"].replace("'", "&#39;") in page
    assert f"/runs/{run_id(messages)}/retry" in page
    if code == "run_timeout":
        eventually(model.requests[0].disconnected.is_set)


@pytest.mark.parametrize(
    ("reply", "settings", "code"),
    [
        (error(401, "Wrong key\nERROR forged"), {}, "model_key"),
        (endless(pace=0.05), {"run_timeout": 2}, "run_timeout"),
    ],
)
def test_a_failed_run_leaves_one_line_in_the_log(
    start: Start,
    model: ScriptedModel,
    caplog: pytest.LogCaptureFixture,
    reply: Reply,
    settings: dict[str, float],
    code: str,
) -> None:
    model.script(reply)
    run = run_id(start(**settings).sign_up("Alice").ask("Hello").until("done"))
    [line] = [record.getMessage() for record in caplog.records if run in record.getMessage()]
    assert code in line
    assert "\n" not in line


@pytest.mark.engines
def test_a_retry_supersedes_the_failed_answer(alice: Person, model: ScriptedModel) -> None:
    model.script(cut_after("Half "), text("Whole"))
    messages = alice.ask("Hello").until("done")
    again = alice.api("POST", f"/runs/{run_id(messages)}/retry")
    assert again.status_code == 201
    alice.resume(again.json()["runId"]).until("done")
    history = alice.api("GET", "/agents/chat-history").json()["messages"]
    assert [message["content"] for message in history] == ["Hello", "Whole"]
    told = model.requests[-1].body["messages"]
    assert [message["role"] for message in told] == ["system", "system", "user"]


@pytest.mark.own_product
@pytest.mark.engines
def test_an_unexpected_fault_ends_the_run_without_a_stack_trace(
    product: Product, alice: Person, model: ScriptedModel
) -> None:
    looks = tool_call("findNotes", {"text": "first"}, text_before="Let me look.")
    model.script(replace(looks, pace=0.3))
    stream = alice.ask("Hello")
    messages = stream.until("content")
    rename(product, "tool_calls")
    messages += stream.until("done")
    problem = messages[-2].json
    assert (problem["code"], problem["retryable"]) == ("internal", True)
    assert "mislaid" not in problem["message"]
    assert last(alice)["status"] == "failed"


def rename(product: Product, table: str, name: str = "mislaid") -> None:
    """Make every query of a table fail, or give it its name again."""
    with product.app.app_context():
        db.session.execute(db.text(f"ALTER TABLE {table} RENAME TO {name}"))
        db.session.commit()


@pytest.mark.own_product
@pytest.mark.engines
def test_a_fault_while_asking_stores_nothing(
    product: Product, alice: Person, model: ScriptedModel
) -> None:
    model.script(text("Hello"))
    conversation = alice.ask("Hello").until("done")[0].json["conversationId"]
    rename(product, "steps")
    body = {"userMessage": "And now?", "conversationId": conversation}
    answer = alice.api("POST", "/agents/chat-stream", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal")
    rename(product, "mislaid", "steps")
    messages = alice.api("GET", "/agents/chat-history").json()["messages"]
    assert [message["content"] for message in messages] == ["Hello", "Hello"]


@pytest.mark.own_product
@pytest.mark.engines
def test_an_answer_that_could_not_be_stored_is_not_called_done(
    product: Product, alice: Person, model: ScriptedModel
) -> None:
    model.script(text("Hello", " world", pace=0.3))
    stream = alice.ask("Hello")
    messages = stream.until("content")
    rename(product, "steps")
    messages += stream.until("done")
    assert text_of(messages) == "Hello world"
    assert messages[-2].json["code"] == "not_stored"
    assert messages[-1].json["status"] == "failed"


# Limits


@pytest.mark.engines
def test_one_answer_at_a_time_in_a_conversation(alice: Person, model: ScriptedModel) -> None:
    model.script(endless(pace=0.01))
    conversation = alice.ask("One").until("content")[0].json["conversationId"]
    body = {"userMessage": "Two", "conversationId": conversation}
    answer = alice.api("POST", "/agents/chat-stream", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")


@pytest.mark.engines
@pytest.mark.parametrize(
    ("limit", "status"), [("max_runs_per_user", 429), ("max_runs", 503)], ids=["own", "overall"]
)
def test_at_a_limit_new_runs_are_refused_and_active_ones_go_on(
    start: Start, model: ScriptedModel, limit: str, status: int
) -> None:
    model.script(endless(pace=0.01))
    alice = start(**{limit: 2}).sign_up("Alice")
    active = [alice.ask("Hello") for _ in range(2)]
    runs = [run_id(stream.until("content")) for stream in active]
    answer = alice.api("POST", "/agents/chat-stream", json={"userMessage": "One more"})
    assert answer.status_code == status
    assert answer.json()["error"]["code"] == "too_many_runs"
    assert int(answer.headers["Retry-After"]) > 0
    active[0].until("content")
    stop(alice, runs[0])
    assert alice.ask("One more").until("content")


@pytest.mark.engines
def test_a_person_asks_only_so_many_questions_in_a_while(
    start: Callable[..., Product], model: ScriptedModel
) -> None:
    product = start(question_limit="2 per hour")
    alice, bob = product.sign_up("Alice"), product.sign_up("Bob")
    model.script(text("One."), text("Two."), text("Bob's."))
    key = {"Idempotency-Key": "the same"}
    body = {"userMessage": "First"}
    for _ in range(3):
        # Sent again, it is the same question.
        assert alice.api("POST", "/agents/chat", json=body, headers=key).status_code == 200
    assert alice.api("POST", "/agents/chat", json={"userMessage": "Second"}).status_code == 200
    refused = alice.api("POST", "/agents/chat", json={"userMessage": "Third"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "too_many_questions")
    assert 3_000 < int(refused.headers["Retry-After"]) <= 3_600
    page = alice.post("/conversations", message="Third, typed")
    assert page.status_code == 429
    assert "Retry-After" in page.headers
    assert "You have asked too many questions. Wait 60 minutes" in page.text
    assert "Third, typed" in page.text
    assert bob.api("POST", "/agents/chat", json={"userMessage": "Mine"}).status_code == 200
