"""Several workers on one PostgreSQL and one Valkey: each serves every request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import gevent
import pytest
import redis
import requests

from app.runs.event_log import ATTEMPT
from tests.support.engines import Engines
from tests.support.product import Person, Product, Stream, eventually, text_of
from tests.support.scripted_model import ScriptedModel
from tests.support.scripted_replies import endless, text, tool_call
from tests.support.tool_services import ToolService

Start = Callable[..., Product]
Nodes = tuple[Product, Product]
WORDS = [f"word{number} " for number in range(60)]


@pytest.fixture
def nodes(start: Start, real_engines: Engines) -> Nodes:
    return of_two(start, real_engines)


def of_two(start: Start, engines: Engines, **settings: object) -> Nodes:
    shared = {**engines.emptied("own"), "ping_interval": 0.2, "lease_seconds": 60, **settings}
    return start(**shared), start(**shared)


def at(node: Product, person: Person) -> Person:
    """The same person, at another worker."""
    return replace(person, product=node)


def test_readers_on_other_workers_get_every_word_as_it_is_written(
    nodes: Nodes, model: ScriptedModel
) -> None:
    alice = nodes[0].sign_up("Alice")
    model.script(text(*WORDS, pace=0.02))
    own = alice.ask("Hello")
    begun = own.until("content")
    run = begun[0].json["runId"]
    readers = [gevent.spawn(at(nodes[1], alice).resume(run).until, "done") for _ in range(5)]
    page = at(nodes[1], alice).watch(run)
    assert any("word0" in message.data for message in page)
    assert text_of(begun + own.until("done")) == "".join(WORDS)
    for reader in readers:
        messages = reader.get(timeout=60)
        assert text_of(messages) == "".join(WORDS)
        assert sum(message.event == "content" for message in messages) > 10, "it came in one piece"


def test_a_worker_follows_all_its_streams_over_one_connection(
    nodes: Nodes, model: ScriptedModel, real_engines: Engines
) -> None:
    alice = nodes[0].sign_up("Alice")
    model.script(*[endless(pace=0.02)] * 4)
    runs = [alice.ask(f"{n}").until("content")[0].json["runId"] for n in range(4)]
    streams = [at(nodes[1], alice).resume(run) for run in runs * 4]
    for stream in streams:
        stream.until("content")
    with redis.Redis.from_url(real_engines.valkey.url, decode_responses=True) as client:

        def following() -> int:
            return [each["cmd"] for each in client.client_list()].count("xread")

        eventually(lambda: following() == len(nodes))
    for run in runs:
        alice.post(f"/runs/{run}/stop")


def test_a_run_is_stopped_from_another_worker(nodes: Nodes, model: ScriptedModel) -> None:
    alice = nodes[0].sign_up("Alice")
    model.script(endless(pace=0.01))
    stream = alice.ask("Hello")
    messages = stream.until("content")
    answer = at(nodes[1], alice).post(f"/runs/{messages[0].json['runId']}/stop", htmx=True)
    assert answer.ok
    assert model.requests[0].disconnected.is_set(), "called stopped while the model was writing"
    messages += stream.until("done")
    assert messages[-1].json["status"] == "stopped"


def test_a_question_sent_twice_at_once_is_asked_once(nodes: Nodes, model: ScriptedModel) -> None:
    """As from a client that got no reply in time and tried another worker."""
    alice = nodes[0].sign_up("Alice")
    model.script(text(*WORDS, pace=0.005))

    def send(node: Product) -> str:
        answer = at(node, alice).api(
            "POST",
            "/agents/chat-stream",
            json={"userMessage": "Hello"},
            headers={"Idempotency-Key": "one"},
            stream=True,
        )
        return text_of(Stream(answer).until("done"))

    sent = [gevent.spawn(send, node) for node in nodes * 3]
    assert {each.get(timeout=60) for each in sent} == {"".join(WORDS)}
    assert len(model.requests) == 1
    assert len(alice.api("GET", "/agents/chat-history").json()["messages"]) == 2


def test_limits_of_runs_count_those_of_all_workers(
    start: Start, real_engines: Engines, model: ScriptedModel
) -> None:
    nodes = of_two(start, real_engines, max_runs_per_user=2, max_runs=3)
    alice, bob = nodes[0].sign_up("Alice"), nodes[1].sign_up("Bob")
    model.script(*[endless(pace=0.02)] * 4)
    first = alice.ask("One").until("content")[0].json["runId"]
    at(nodes[1], alice).ask("Two").until("content")
    for node in nodes:
        own = at(node, alice).api("POST", "/agents/chat-stream", json={"userMessage": "Three"})
        assert (own.status_code, own.json()["error"]["code"]) == (429, "too_many_runs")
    bob.ask("One").until("content")
    everybody = at(nodes[0], bob).api("POST", "/agents/chat-stream", json={"userMessage": "Two"})
    assert (everybody.status_code, everybody.headers["Retry-After"].isdigit()) == (503, True)
    at(nodes[1], alice).post(f"/runs/{first}/stop")
    at(nodes[0], bob).ask("Two").until("content")


def test_limits_of_streams_count_those_of_all_workers(
    start: Start, real_engines: Engines, model: ScriptedModel
) -> None:
    nodes = of_two(start, real_engines, max_streams_per_user=2)
    alice = nodes[0].sign_up("Alice")
    model.script(endless(pace=0.02))
    stream = alice.ask("One")
    run = stream.until("content")[0].json["runId"]
    other = at(nodes[1], alice).resume(run)
    other.until("content")
    for node in nodes:
        refused = at(node, alice).api("GET", f"/agents/chat-stream/{run}")
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "too_many_streams")
    counted = requests.get(f"{nodes[0].url}/sse/health").json()
    assert (counted["openStreams"], counted["openEverywhere"]) == (1, 2)
    other.close()
    eventually(lambda: at(nodes[0], alice).api("GET", f"/agents/chat-stream/{run}", stream=True).ok)


def test_a_draining_worker_hands_over_its_runs_and_readers(
    nodes: Nodes, model: ScriptedModel
) -> None:
    alice = nodes[0].sign_up("Alice")
    model.script(endless(0.02, "unfinished "), text(*WORDS, pace=0.01))
    stream = alice.ask("Hello")
    messages = stream.until("content")
    run = messages[0].json["runId"]
    leaving = gevent.spawn(nodes[0].services.drain, 3.5)
    messages += stream.all()
    assert stream.retry is not None
    assert stream.retry < 1000
    refused = alice.api("POST", "/agents/chat-stream", json={"userMessage": "Two"})
    assert refused.status_code == 503
    rest = at(nodes[1], alice).resume(run, messages[-1].id)
    messages += rest.until("done")
    assert text_of(messages) == "".join(WORDS)
    leaving.get(timeout=60)
    assert [request.disconnected.is_set() for request in model.requests] == [True, False]


def test_a_draining_worker_finishes_what_it_can_in_time(nodes: Nodes, model: ScriptedModel) -> None:
    alice = nodes[0].sign_up("Alice")
    model.script(text(*WORDS, pace=0.05))
    stream = alice.ask("Hello")
    messages = stream.until("content")
    gevent.spawn(nodes[0].services.drain, 60)
    messages += stream.all()
    rest = at(nodes[1], alice).resume(messages[0].json["runId"], messages[-1].id)
    messages += rest.until("done")
    assert text_of(messages) == "".join(WORDS)
    assert len(model.requests) == 1
    # All of it is from the first attempt.
    assert all(message.id < ATTEMPT for message in messages if message.id is not None)


def test_a_worker_that_hangs_loses_its_run_and_does_no_harm(
    start: Start, real_engines: Engines, model: ScriptedModel
) -> None:
    """It writes on but doesn't renew its lease, so nothing that it stores or sends counts."""
    nodes = of_two(start, real_engines, lease_seconds=1.5)
    alice = nodes[0].sign_up("Alice")
    model.script(endless(0.02, "unfinished "), text(*WORDS, pace=0.02))
    stream = alice.ask("Hello")
    messages = stream.until("content")
    run = messages[0].json["runId"]
    with nodes[0].services.supervisor.updating:  # so that it can't renew its leases
        reader = at(nodes[1], alice).resume(run, messages[-1].id)
        messages = [*messages, *reader.until("done")]
    assert text_of(messages) == "".join(WORDS)
    history = alice.api("GET", "/agents/chat-history").json()["messages"]
    assert (history[-1]["content"], history[-1]["status"]) == ("".join(WORDS), "completed")
    eventually(lambda: nodes[0].services.runs.counts()["activeRuns"] == 0)
    assert text_of(at(nodes[0], alice).resume(run).until("done")) == "".join(WORDS)


def test_an_answer_that_waits_for_approval_goes_on_at_another_worker(
    start: Start, real_engines: Engines, model: ScriptedModel
) -> None:
    with ToolService(act=lambda _: "acted") as service:
        rules = {"tool_services": {"tools": service.url}, "approvals": {"act": "always"}}
        nodes = of_two(start, real_engines, **rules)
        alice = nodes[0].sign_up("Alice")
        model.script(tool_call("act", {}, text_before="I act."), text("Done."))
        messages = alice.ask("Act").until("approval")
        reader = at(nodes[1], alice).resume(messages[0].json["runId"])
        assert reader.until("approval")[-1].json == messages[-1].json
        eventually(lambda: nodes[0].services.runs.counts()["activeRuns"] == 0)
        nodes[0].services.stop()
        body = {"decision": "approve"}
        at(nodes[1], alice).api("POST", messages[-1].json["url"], json=body)
        assert text_of(reader.until("done")) == "I act.\n\nDone."
    assert len(service.calls) == 1


def test_queued_questions_are_asked_once_each_and_in_order_however_many_workers_try(
    nodes: Nodes, model: ScriptedModel
) -> None:
    alice = nodes[0].sign_up("Alice")
    model.script(replace(text("One ", "answer"), held="go"), text("Next"))
    begun = alice.ask("Question 0").until("run")[0].json
    conversation = begun["conversationId"]
    for number in (1, 2, 3):
        body = {
            "userMessage": f"Question {number}",
            "conversationId": conversation,
            "queue": True,
        }
        asked = at(nodes[number % 2], alice).api("POST", "/agents/chat", json=body)
        assert asked.status_code == 202

    def ask_on(node: Product) -> None:
        while len(model.requests) < 4:
            node.services.producer.after_end(conversation)
            gevent.sleep(0.005)

    model.let_go.add("go")
    tries = [gevent.spawn(ask_on, nodes[number % 2]) for number in range(12)]
    gevent.joinall(tries, timeout=60, raise_error=True)
    eventually(lambda: not any(node.services.producer.active for node in nodes))
    gone = alice.api("GET", f"/agents/chat-history?conversationId={conversation}").json()
    questions = [each["content"] for each in gone["messages"] if each["role"] == "user"]
    assert questions == [f"Question {number}" for number in range(4)]
    assert len(model.requests) == 4
