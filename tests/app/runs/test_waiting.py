"""A run that waits for an approval holds nothing, and goes on when the person has decided."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable
from typing import Any

import gevent
import pytest
import requests
from sqlalchemy import select, update

from app.db.models import Approval, Run, db, utc_now
from app.runs import sql
from tests.app.runs.test_ask_retry_stop import last, run_id, stop
from tests.support.product import Message, Person, Product, Stream, eventually, text_of
from tests.support.scripted_model import (
    RecordedRequest,
    Reply,
    ScriptedModel,
    call,
    endless,
    reply,
    text,
    tool_call,
    tool_calls,
)
from tests.support.tool_services import ToolService, WaitingService

pytestmark = pytest.mark.engines

Start = Callable[..., Product]
ACT = tool_call("act", {}, text_before="I act.")


@pytest.fixture
def service() -> Any:
    """A tool `act` that needs an approval (see `asks`), and remembers no keys."""
    with ToolService(act=lambda _: "acted") as served:
        yield served


@pytest.fixture
def asks(start: Start, service: ToolService) -> Start:
    """Start a product whose tool `act` needs an approval."""

    def begin(**settings: object) -> Product:
        rules = {"approvals": {"act": "always"}, "tool_services": {"tools": service.url}}
        return start(**rules | settings)

    return begin


def acts(request: RecordedRequest) -> Reply:
    """Call `act` first, then answer."""
    return text("Done.") if request.body["messages"][-1]["role"] == "tool" else ACT


def ask(person: Person, model: ScriptedModel | None = None) -> tuple[Stream, list[Message]]:
    """A question whose run waits; its stream, and the messages up to the approval."""
    if model is not None:
        model.script(reply(acts))
    stream = person.ask("Act")
    messages = stream.until("approval")
    eventually(lambda: last(person)["status"] == "waiting")
    return stream, messages


def decide(person: Person, approval: Message, decision: str = "approve") -> None:
    answer = person.api("POST", approval.json["url"], json={"decision": decision})
    assert answer.status_code == 200, answer.text


def active(product: Product) -> int:
    return int(requests.get(f"{product.url}/sse/health").json()["runs"]["activeRuns"])


def greenlets() -> int:
    """How many greenlets are at work in the app; not those of the tests' own servers."""
    gc.collect()
    found = [
        found for found in gc.get_objects() if isinstance(found, gevent.Greenlet) and not found.dead
    ]
    return sum(any("/app/" in path for path in files_of(found)) for found in found)


def files_of(found: gevent.Greenlet[..., object]) -> list[str]:
    """The files of the functions that a greenlet is in."""
    files, frame = [], found.gr_frame
    while frame is not None:
        files.append(frame.f_code.co_filename)
        frame = frame.f_back
    return files


def test_runs_that_wait_shut_nobody_out_and_hold_no_greenlet(
    asks: Start, model: ScriptedModel
) -> None:
    product = asks(max_runs=2, max_runs_per_user=2, max_runs_per_worker=2, ping_interval=0.2)
    people = [product.sign_up(f"Person{number}") for number in range(4)]
    stream, _ = ask(people[0], model)
    stream.close()
    eventually(lambda: active(product) == 0)
    before = greenlets()
    for person in people * 3:
        stream, _ = ask(person)
        stream.close()
    eventually(lambda: product.services.connections.summary()["openStreams"] == 0)
    eventually(lambda: greenlets() <= before)
    assert active(product) == 0
    model.script(text("Hello."))
    assert text_of(people[0].ask("Hello").until("done")) == "Hello."


def test_an_approved_run_goes_on_and_its_reader_with_it(
    asks: Start, service: ToolService, model: ScriptedModel
) -> None:
    alice = asks().sign_up("Alice")
    stream, messages = ask(alice, model)
    fragments = alice.watch(run_id(messages))
    assert "I act." in fragments.until("parts")[0].data
    decide(alice, messages[-1])
    messages += stream.until("done")
    assert text_of(messages) == last(alice)["content"] == "I act.\n\nDone."
    assert len(service.calls) == 1
    assert fragments.until("done")[-1].json["status"] == "completed"


def test_a_tool_that_may_not_be_repeated_is_called_after_its_approval(
    start: Start, service: ToolService, model: ScriptedModel
) -> None:
    service.annotations = lambda _name: {}
    alice = start(mcp_servers={"other": {"url": f"{service.url}/mcp"}}).sign_up("Alice")
    model.script(tool_call("other__act", {}), text("Done."))
    stream = alice.ask("Act")
    approval = stream.until("approval")[-1]
    eventually(lambda: last(alice)["status"] == "waiting")
    decide(alice, approval)
    tools = [message.json for message in stream.until("done") if message.event == "tool"]
    assert tools[-1]["status"] == "completed"


def test_of_two_approvals_each_call_is_made_once_it_is_decided(
    asks: Start, service: ToolService, model: ScriptedModel
) -> None:
    alice = asks().sign_up("Alice")
    model.script(tool_calls([call("act", {"n": 1}), call("act", {"n": 2})]), text("Done."))
    stream = alice.ask("Act twice")
    asked = [stream.until("approval")[-1] for _ in range(2)]
    # The two are asked for side by side, in either order.
    first, second = sorted(asked, key=lambda message: message.json["arguments"]["n"])
    eventually(lambda: last(alice)["status"] == "waiting")
    decide(alice, second)
    eventually(lambda: [seen["n"] for seen in service.calls] == [2])
    again = stream.until("approval")[-1]
    assert again.json == first.json
    eventually(lambda: last(alice)["status"] == "waiting")
    decide(alice, first)
    assert stream.until("done")[-1].json["status"] == "completed"
    assert [seen["n"] for seen in service.calls] == [2, 1]


def test_a_decision_does_not_wait_for_other_calls_of_the_step(
    start: Start, service: ToolService, model: ScriptedModel
) -> None:
    with WaitingService() as slow:
        services = {"tools": service.url, "slow": slow.url}
        alice = start(tool_services=services, approvals={"act": "always"}).sign_up("Alice")
        model.script(tool_calls([call("wait", {}), call("act", {})]), text("Done."))
        stream = alice.ask("Both")
        decide(alice, stream.until("approval")[-1])
        eventually(lambda: service.calls)
        assert slow.waiting == 1
        slow.release()
        assert stream.until("done")[-1].json["status"] == "completed"
    assert len(service.calls) == len(slow.calls) == 1


def test_a_decision_that_comes_while_the_run_is_suspended_is_not_missed(
    asks: Start, model: ScriptedModel
) -> None:
    product = asks()
    alice = product.sign_up("Alice")
    _, messages = ask(alice, model)
    product.services.stop()
    with product.app.app_context():
        db.session.execute(update(Approval).values(status="approved"))
        attempt = db.session.scalar(select(Run.attempt))
        assert attempt
        sql.suspend(run_id(messages), attempt)
        db.session.commit()
        assert db.session.scalar(select(Run.status)) == "queued"
        db.session.rollback()


def test_a_process_that_ends_between_decision_and_call_loses_nothing(
    asks: Start, service: ToolService, model: ScriptedModel
) -> None:
    product = asks()
    alice = product.sign_up("Alice")
    _, messages = ask(alice, model)
    product.services.stop()
    decide(alice, messages[-1])
    assert service.calls == []
    product.restart_web()
    assert text_of(alice.resume(run_id(messages)).until("done")) == "I act.\n\nDone."
    assert len(service.calls) == 1


def test_an_approval_that_expires_while_no_process_runs_ends_the_wait(
    asks: Start, service: ToolService, model: ScriptedModel
) -> None:
    product = asks()
    alice = product.sign_up("Alice")
    _, messages = ask(alice, model)
    product.services.stop()
    with product.app.app_context():
        db.session.execute(update(Approval).values(expires_at=utc_now()))
        db.session.commit()
    product.restart_web()
    assert alice.resume(run_id(messages)).until("done")[-1].json["status"] == "completed"
    assert service.calls == []


def test_a_reader_who_comes_after_a_restart_waits_without_asking_the_database(
    asks: Start, model: ScriptedModel
) -> None:
    product = asks(ping_interval=30)
    alice = product.sign_up("Alice")
    _, messages = ask(alice, model)
    product.services.stop()
    product.restart_web()
    stream = alice.resume(run_id(messages))
    again = stream.until("approval")
    assert again[-1].json == messages[-1].json
    assert text_of(again) == "I act."
    gevent.sleep(1.2)
    decide(alice, again[-1])
    rest = stream.until("done")
    assert text_of(rest) == "I act.\n\nDone."
    # A reader who polls gets a ping after each look.
    assert "ping" not in {message.event for message in rest}


def test_a_run_that_waits_is_stopped_within_seconds(
    asks: Start, service: ToolService, model: ScriptedModel
) -> None:
    # Without a free place: to end takes none.
    product = asks(max_runs_per_user=1)
    alice = product.sign_up("Alice")
    stream, messages = ask(alice, model)
    model.script(endless(pace=0.01))
    other = alice.ask("Another")
    other.until("content")
    assert stop(alice, run_id(messages))["status"] == "stopped"
    assert stream.until("done")[-1].json["status"] == "stopped"
    assert last(alice)["status"] in ("stopped", "running")
    assert service.calls == []


def test_a_conversation_takes_no_second_question_while_its_answer_waits(
    asks: Start, model: ScriptedModel
) -> None:
    alice = asks().sign_up("Alice")
    _, messages = ask(alice, model)
    body = {"userMessage": "Two", "conversationId": messages[0].json["conversationId"]}
    answer = alice.api("POST", "/agents/chat-stream", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")


def test_runs_that_go_on_all_at_once_take_turns(asks: Start, model: ScriptedModel) -> None:
    product = asks(max_runs_per_user=1)
    alice = product.sign_up("Alice")
    waiting = [ask(alice, model) for _ in range(3)]
    model.script(endless(pace=0.01))
    for _, messages in waiting:
        decide(alice, messages[-1])
    eventually(lambda: len(model.requests) == 4)
    for left in (2, 1, 0):
        gevent.sleep(0.6)  # longer than a beat
        assert active(product) == 1

        def running() -> list[str]:
            with product.app.app_context():
                return list(db.session.scalars(select(Run.id).where(Run.status == "running")))

        stop(alice, running()[0])
        if left:
            eventually(lambda: active(product) == 1)
    eventually(lambda: active(product) == 0)


def test_a_page_without_script_shows_no_word_twice(asks: Start, model: ScriptedModel) -> None:
    alice = asks().sign_up("Alice")
    model.script(reply(acts))
    path = alice.post("/conversations", message="Act").headers["Location"]
    page, pieces = alice.get(path, stream=True), []
    for piece in page.iter_content(None):
        pieces.append(piece.decode())
        url = re.search(r"/approvals/\w+", "".join(pieces))
        if url and last(alice)["status"] == "waiting":
            alice.api("POST", url[0], json={"decision": "approve"})
    html = "".join(pieces)
    assert html.count("I act.") == html.count("Done.</p>") - html.count('hint">Done.</p>') == 1
    assert html.count('class="tool') == html.count('class="approval"') == 1
    assert 'class="notice"' not in html


def test_the_readers_of_a_run_that_is_deleted_are_let_go(asks: Start, model: ScriptedModel) -> None:
    product = asks(ping_interval=0.2)
    alice = product.sign_up("Alice")
    stream, messages = ask(alice, model)
    fragments = alice.watch(run_id(messages))
    path = f"/conversations/{messages[0].json['conversationId']}/live"
    page = alice.get(path, stream=True).iter_content(None)
    # Not before the page is open: a conversation that is gone by then has none.
    opened = next(page)
    fragments.until("parts")
    with product.app.app_context():
        db.session.execute(db.text("DELETE FROM conversations"))
        db.session.commit()
    rest = stream.until("done")
    assert (rest[-2].json["code"], rest[-2].json["retryable"]) == ("deleted", False)
    assert fragments.until("done")[-1].json["status"] == "failed"
    assert b"deleted" in b"".join([opened, *page])
