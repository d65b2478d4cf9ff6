"""Runs that a process left: another one goes on with them, or says why not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.db.models import Run, db, new_id
from app.runs.leases import Claimed
from tests.app.runs.test_ask_retry_stop import FIND, assert_well_formed, last, run_id
from tests.support.product import Product, eventually, text_of
from tests.support.scripted_model import ScriptedModel, endless, text, tool_call
from tests.support.tool_services import ToolService, WaitingService

pytestmark = pytest.mark.engines

Start = Callable[..., Product]


def test_another_process_goes_on_with_a_run_that_was_left(
    start: Start, model: ScriptedModel
) -> None:
    """It goes on from the last finished step: no tool call is repeated, no word is there twice."""
    with ToolService(act=lambda _: "acted") as service:
        product = start(tool_services={"tools": service.url})
        alice = product.sign_up("Alice")
        model.script(tool_call("act", {}, text_before="I act."), endless(0.01, "unfinished "))
        stream = alice.ask("Hello")
        messages = [*stream.until("content"), *stream.until("content")]
        begun = len(model.requests)
        product.services.stop()
        messages += stream.all()
        assert stream.retry is not None
        assert stream.retry < 1000
        eventually(model.requests[begun - 1].disconnected.is_set)
        assert last(alice)["status"] == "running"
        model.script(text("The ", "end."))
        product.restart_web()
        reader = alice.resume(run_id(messages), messages[-1].id)
        messages += reader.until("done")
        assert messages[-1].json["status"] == "completed"
        assert text_of(messages) == last(alice)["content"] == "I act.\n\nThe end."
        assert len(service.calls) == 1
        assert_well_formed(model.requests[-1].body["messages"])
        page = alice.get(f"/conversations/{messages[0].json['conversationId']}").text
        assert "unfinished" not in page


def test_a_process_that_goes_on_with_a_run_first_learns_which_tools_there_are(
    start: Start, model: ScriptedModel
) -> None:
    with ToolService(act=lambda _: "acted") as service:
        product = start(tool_services={"tools": service.url})
        alice = product.sign_up("Alice")
        model.script(endless(0.01, "unfinished "))
        stream = alice.ask("Hello")
        messages = stream.until("content")
        product.services.stop()
        model.script(text("The end."))
        product.restart_web(tools_listed=False)
        messages += alice.resume(run_id(messages)).until("done")
        assert messages[-1].json["status"] == "completed"
        offered = [tool["function"]["name"] for tool in model.requests[-1].body["tools"]]
        assert offered == ["act"]


def test_an_unfinished_call_is_made_again_under_its_key(start: Start, model: ScriptedModel) -> None:
    with WaitingService() as slow:
        product = start(tool_services={"slow": slow.url})
        alice = product.sign_up("Alice")
        model.script(tool_call("wait", {}), text("Waited."))
        stream = alice.ask("Wait")
        messages = stream.until("tool")
        eventually(lambda: slow.waiting == 1)
        product.services.stop()
        product.restart_web()
        eventually(lambda: slow.waiting == 2)
        slow.release()
        messages += alice.resume(run_id(messages)).until("done")
        assert messages[-1].json["status"] == "completed"
        assert len({call["key"] for call in slow.calls}) == 1


def test_a_run_whose_workers_keep_failing_ends_and_can_be_retried(
    start: Start, model: ScriptedModel
) -> None:
    model.script(FIND, endless(pace=0.01))
    product = start()
    alice = product.sign_up("Alice")
    stream = alice.ask("Hello")
    messages = stream.until("tool")
    messages += stream.until("content")
    product.services.stop()
    with product.app.app_context():
        run = db.session.get_one(Run, run_id(messages))
        # As after three workers that died one after the other.
        run.worker, run.takeovers = "another machine:1:1:1", 2
        db.session.commit()
    product.restart_web()
    stopped = run_id(messages)
    messages = alice.resume(stopped).until("done")
    assert (messages[-2].json["code"], messages[-2].json["retryable"]) == ("interrupted", True)
    assert last(alice)["status"] == "failed"
    assert last(alice)["content"].startswith("Let me look.")
    model.script(text("Better."))
    assert alice.post(f"/runs/{stopped}/retry", htmx=True).status_code == 200
    eventually(lambda: last(alice)["content"] == "Better.")


def test_a_run_that_was_left_long_ago_fails(start: Start, model: ScriptedModel) -> None:
    model.script(endless(0.01, "old "))
    product = start()
    alice = product.sign_up("Alice")
    stream = alice.ask("Hello")
    run = run_id(stream.until("content"))
    product.services.stop()
    with product.app.app_context():
        db.session.get_one(Run, run).lease_until -= 7_200
        db.session.commit()
    product.restart_web()
    assert alice.resume(run).until("done")[-1].json["status"] == "failed"
    assert last(alice)["content"].startswith("old ")


def test_a_stop_without_a_process_is_done_by_the_next(start: Start, model: ScriptedModel) -> None:
    model.script(endless(0.01))
    product = start()
    alice = product.sign_up("Alice")
    run = run_id(alice.ask("Hello").until("content"))
    product.services.stop()
    with product.app.app_context():
        db.session.get_one(Run, run).stop_asked = True
        db.session.commit()
    product.restart_web()
    assert alice.resume(run).until("done")[-1].json["status"] == "stopped"
    assert last(alice)["content"].startswith("word ")


def test_a_run_that_is_deleted_while_it_is_taken_keeps_no_other_from_going_on(
    product: Product,
) -> None:
    with product.app.app_context():
        product.services.supervisor._resume(Claimed(new_id(), suspended=True))
    assert not product.services.producer.active


def test_a_worker_that_lost_its_lease_stores_and_sends_nothing(
    start: Start, model: ScriptedModel
) -> None:
    model.script(endless(0.01))
    product = start()
    alice = product.sign_up("Alice")
    run = run_id(alice.ask("Hello").until("content"))
    with product.app.app_context():
        found = db.session.get_one(Run, run)
        found.attempt, found.worker = 2, "another machine:1:1:1"
        found.lease_until = 4e9
        db.session.commit()
    eventually(model.requests[0].disconnected.is_set)
    eventually(lambda: product.services.runs.counts()["activeRuns"] == 0)
    with product.app.app_context():
        found = db.session.get_one(Run, run)
        assert (found.status, found.attempt) == ("running", 2)
