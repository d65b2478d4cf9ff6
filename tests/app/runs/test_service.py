"""A run's life: it outlives its readers, stops when told, and always ends honestly."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import gevent
import pytest

from app.db.models import Run, Step, db
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
    """Every tool call has its result right behind it, as every endpoint demands."""
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
def test_stop_closes_the_connection_to_the_model_and_keeps_what_was_written(
    alice: Person, model: ScriptedModel, reply: Reply, seen: str, kept: str | None
) -> None:
    model.script(reply)
    stream = alice.ask("Hello")
    messages = stream.until(seen)
    eventually(lambda: model.requests)
    asked = time.monotonic()
    assert stop(alice, run_id(messages))["status"] == "stopped"
    eventually(model.requests[0].disconnected.is_set)
    assert (model.requests[0].disconnected_at or 0) - asked < 1
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
def test_stop_in_the_middle_of_a_tool_call_leaves_a_conversation_that_goes_on(
    start: Start, model: ScriptedModel
) -> None:
    with WaitingService() as slow:
        product = start(tool_services={"slow": slow.url})
        alice = product.sign_up("Alice")
        model.script(tool_calls([call("wait", {}), call("wait", {})]), text("Fine"))
        stream = alice.ask("Wait")
        messages = stream.until("tool")
        eventually(lambda: slow.waiting == 2)
        conversation = messages[0].json["conversationId"]
        stop(alice, run_id(messages))
        assert stream.until("done")[-1].json["status"] == "stopped"
        assert alice.ask("And now?", conversation).until("done")[-1].json["status"] == "completed"
        assert_well_formed(model.requests[-1].body["messages"])
        results = [m["content"] for m in model.requests[-1].body["messages"] if m["role"] == "tool"]
        assert len(results) == 2
        assert "stopped" in results[0]


@pytest.mark.engines
def test_stopping_what_has_ended_changes_nothing(alice: Person, model: ScriptedModel) -> None:
    messages = alice.ask("Hello").until("done")
    assert stop(alice, run_id(messages))["status"] == "completed"


def test_stop_works_from_a_page_without_script_and_from_another_tab(
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
def test_a_setting_cuts_an_abandoned_answer_short(start: Start, model: ScriptedModel) -> None:
    product = start(abandoned_run_seconds=0.2, ping_interval=0.05)
    alice = product.sign_up("Alice")
    model.script(endless(pace=0.01))
    stream = alice.ask("Hello")
    stream.until("content")
    gevent.sleep(0.5)
    assert not model.requests[0].disconnected.is_set(), "it was cut short while being read"
    stream.close()
    eventually(model.requests[0].disconnected.is_set)
    eventually(lambda: last(alice)["status"] == "stopped")
    assert last(alice)["content"]


@pytest.mark.engines
def test_resuming_gives_exactly_the_rest(alice: Person, model: ScriptedModel) -> None:
    model.script(text(*[f"{number} " for number in range(60)], pace=0.01))
    stream = alice.ask("Count")
    first = [*stream.until("content"), *[next(iter(stream)) for _ in range(5)]]
    stream.close()
    rest = alice.resume(run_id(first), first[-1].id).all()
    assert [message.id for message in first + rest] == list(range(1, len(first + rest) + 1))
    assert text_of(first + rest) == "".join(f"{number} " for number in range(60))


@pytest.mark.parametrize("place", ["", "-1", "x", "99999999999999999999", "1.5", "٣"])
def test_a_place_that_makes_no_sense_is_the_beginning(alice: Person, place: str) -> None:
    run = run_id(alice.ask("Hello").until("done"))
    answer = alice.api(
        "GET", f"/agents/chat-stream/{run}", headers={"Last-Event-ID": place.encode()}
    )
    assert answer.text.count("event: run") == 1
    assert answer.text.count("event: done") == 1


@pytest.mark.engines
def test_many_readers_see_the_same_text_once(alice: Person, model: ScriptedModel) -> None:
    model.script(text(*[f"{number} " for number in range(40)], pace=0.01))
    first = alice.ask("Count")
    run = run_id(first.until("run"))

    def read() -> str:
        return text_of(alice.resume(run).until("done"))

    readers = [gevent.spawn_later(delay / 20, read) for delay in range(8)]
    gevent.joinall(readers, raise_error=True)
    assert {reader.value for reader in readers} == {"".join(f"{n} " for n in range(40))}


# Failures


@pytest.mark.parametrize(
    ("reply", "settings", "code", "written"),
    [
        (error(401, "x"), {}, "model_key", ""),
        (cut_after("Half "), {}, "model_connection", "Half "),
        (empty(), {"model_attempts": 1}, "model_empty", ""),
        (endless(pace=0.01), {"run_timeout": 0.5}, "run_timeout", None),
        (stall_before_first(None), {"first_token_timeout": 0.1, "model_attempts": 1}, None, ""),
    ],
    ids=["bad key", "cut off", "empty", "run time-out", "first-token time-out"],
)
def test_a_failed_answer_says_why_and_keeps_what_was_written(
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
        (endless(pace=0.01), {"run_timeout": 0.5}, "run_timeout"),
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
def test_retry_answers_the_same_question_in_place_of_the_failed_answer(
    alice: Person, model: ScriptedModel
) -> None:
    model.script(cut_after("Half "), text("Whole"))
    messages = alice.ask("Hello").until("done")
    again = alice.api("POST", f"/runs/{run_id(messages)}/retry")
    assert again.status_code == 201
    alice.resume(again.json()["runId"]).until("done")
    history = alice.api("GET", "/agents/chat-history").json()["messages"]
    assert [message["content"] for message in history] == ["Hello", "Whole"]
    told = model.requests[-1].body["messages"]
    assert [message["role"] for message in told] == ["system", "user"]


@pytest.mark.engines
def test_only_the_last_answer_and_only_a_bad_one_can_be_retried(
    alice: Person, model: ScriptedModel
) -> None:
    model.script(cut_after("Half "), text("Good"))
    failed = alice.ask("One").until("done")
    good = alice.ask("Two", failed[0].json["conversationId"]).until("done")
    for messages in (failed, good):
        answer = alice.api("POST", f"/runs/{run_id(messages)}/retry")
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")


@pytest.mark.engines
def test_an_unexpected_fault_is_an_honest_end_and_no_stack_trace(
    product: Product, alice: Person, model: ScriptedModel
) -> None:
    looks = tool_call("findNotes", {"text": "first"}, text_before="Let me look.")
    model.script(replace(looks, pace=0.3))
    stream = alice.ask("Hello")
    messages = stream.until("content")
    rename(product, "tool_calls")
    messages += stream.until("done")
    assert messages[-2].json == {
        "code": "internal",
        "message": "Something went wrong here.",
        "retryable": True,
    }
    assert last(alice)["status"] == "failed"


def rename(product: Product, table: str) -> None:
    """So that whoever wants it finds nothing."""
    with product.app.app_context():
        db.session.execute(db.text(f"ALTER TABLE {table} RENAME TO mislaid"))
        db.session.commit()


@pytest.mark.engines
def test_a_fault_before_the_answer_begins_leaves_nothing_behind(
    product: Product, alice: Person, model: ScriptedModel
) -> None:
    model.script(text("Hello"))
    conversation = alice.ask("Hello").until("done")[0].json["conversationId"]
    rename(product, "steps")
    body = {"userMessage": "And now?", "conversationId": conversation}
    answer = alice.api("POST", "/agents/chat-stream", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal")
    messages = alice.api("GET", "/agents/chat-history").json()["messages"]
    assert [message["content"] for message in messages] == ["Hello", "Hello"]


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
def test_beyond_a_limit_new_answers_are_refused_and_those_under_way_go_on(
    start: Start, model: ScriptedModel, limit: str, status: int
) -> None:
    model.script(endless(pace=0.01))
    alice = start(**{limit: 2}).sign_up("Alice")
    under_way = [alice.ask("Hello") for _ in range(2)]
    runs = [run_id(stream.until("content")) for stream in under_way]
    answer = alice.api("POST", "/agents/chat-stream", json={"userMessage": "One more"})
    assert answer.status_code == status
    assert answer.json()["error"]["code"] == "too_many_runs"
    assert int(answer.headers["Retry-After"]) > 0
    under_way[0].until("content")
    stop(alice, runs[0])
    assert alice.ask("One more").until("content")


# The process begins and ends


@pytest.mark.engines
def test_the_text_so_far_is_stored_while_it_is_written(start: Start, model: ScriptedModel) -> None:
    model.script(endless(pace=0.01))
    product = start()
    alice = product.sign_up("Alice")
    run = run_id(alice.ask("Hello").until("content"))

    def stored() -> str | None:
        with product.app.app_context():
            return db.session.scalar(db.select(Step.text).where(Step.run_id == run))

    earlier = eventually(stored)
    assert eventually(lambda: len(stored() or "") > len(earlier))
    with product.app.app_context():
        assert db.session.get_one(Run, run).seq > 1
