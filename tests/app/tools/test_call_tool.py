"""The catalogue and the calls: what a service says is checked before anybody builds on it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import gevent
import pytest
from flask import Response

from tests.app.agent.test_loop import results
from tests.app.runs.test_ask_retry_stop import assert_well_formed, last
from tests.support.product import Product
from tests.support.scripted_model import ScriptedModel, text, tool_call
from tests.support.tool_services import ToolService

Start = Callable[..., Product]

DEEP = "[" * 20_000


def answering(body: str | bytes) -> Callable[[dict[str, Any]], Response]:
    return lambda _arguments: Response(body, mimetype="application/json")


@pytest.mark.parametrize(
    "body",
    [
        '{"result": NaN}',
        '{"result": 1e999}',
        '{"result": "half a character: \\ud83d"}',
        '{"result": "\x00"}',
        f'{{"result": {DEEP}}}',
        b'{"result": "\xff"}',
        f'{{"result": "\\"[", "x": {DEEP}'.encode("utf-16-le"),
    ],
    ids=[
        "NaN",
        "infinite",
        "half a character",
        "control character",
        "too deep",
        "latin-1",
        "utf-16",
    ],
)
def test_what_not_every_reader_could_read_is_no_result(
    start: Start, model: ScriptedModel, body: str | bytes
) -> None:
    with ToolService(act=answering(body)) as service:
        alice = start(tool_services={"odd": service.url}, run_timeout=30).sign_up("Alice")
        model.script(tool_call("act", {}), text("I could not."))
        messages = alice.ask("x").until("done")
    assert messages[-1].json["status"] == "completed"
    assert "isn't JSON" in results(model)[0]["error"]
    assert last(alice)["content"] == "I could not."


@pytest.mark.parametrize(
    "arguments",
    ['{"x": NaN}', '{"x": -1e999}', '{"x": "\\udc00"}', f'{{"x": {DEEP}', DEEP],
    ids=["NaN", "infinite", "half a character", "too deep within", "too deep"],
)
def test_arguments_that_not_every_reader_could_read_go_back_to_the_model(
    start: Start, model: ScriptedModel, arguments: str
) -> None:
    with ToolService(act=lambda _: "never") as service:
        product = start(tool_services={"odd": service.url}, run_timeout=30)
        alice = product.sign_up("Alice")
        model.script(tool_call("act", arguments), text("Sorry."), text("Again."))
        messages = alice.ask("x").until("done")
        assert "JSON object" in results(model)[0]["error"]
        conversation = messages[0].json["conversationId"]
        assert product.services.registry.servers["odd"].up
        assert alice.ask("y", conversation).until("done")[-1].json["status"] == "completed"
        assert_well_formed(model.requests[-1].body["messages"])
        assert alice.get(f"/conversations/{conversation}").status_code == 200
    assert service.calls == []


@pytest.mark.parametrize(
    "schema",
    [{"$ref": "#/nowhere"}, {"properties": {"x": {"pattern": "("}}}],
    ids=["a reference to nothing", "a pattern that is none"],
)
def test_a_schema_that_cannot_be_used_costs_its_tool_and_not_the_answer(
    start: Start, model: ScriptedModel, schema: dict[str, Any]
) -> None:
    service = ToolService(act=lambda _: "never")
    service.schema = lambda _name: schema
    with service:
        alice = start(tool_services={"odd": service.url}, run_timeout=30).sign_up("Alice")
        model.script(tool_call("act", {"x": "y"}), text("I could not."))
        messages = alice.ask("x").until("done")
    assert messages[-1].json["status"] == "completed"
    assert "error" in results(model)[0]


def test_a_long_error_is_short_for_the_model(start: Start, model: ScriptedModel) -> None:
    with ToolService(act=answering(json.dumps({"error": {"message": "x" * 100_000}}))) as service:
        alice = start(tool_services={"odd": service.url}).sign_up("Alice")
        model.script(tool_call("act", {}), text("I could not."))
        alice.ask("x").until("done")
    assert len(results(model)[0]["error"]) < 2_000


def test_a_call_whose_answer_was_lost_is_made_again_with_the_same_key(
    start: Start, model: ScriptedModel
) -> None:
    """The service did it and died before it could say so; who asks again gets the first result."""
    done: list[str] = []

    def half() -> Iterator[bytes]:
        yield b'{"result": '
        raise gevent.GreenletExit

    def act(_arguments: dict[str, Any]) -> Any:
        done.append("done")
        return Response(half()) if len(done) == 1 else {"receipt": "r-1042"}

    with ToolService(act=act) as service:
        alice = start(tool_services={"odd": service.url}).sign_up("Alice")
        model.script(tool_call("act", {}), text("Sent."))
        messages = alice.ask("Send it").until("done")
        page = alice.get(f"/conversations/{messages[0].json['conversationId']}").text
    ends = [m.json["status"] for m in messages if m.event == "tool"]
    assert ends == ["started", "completed"]
    assert len({call["key"] for call in service.calls}) == 1
    assert len(service.calls) == 2
    assert "r-1042" in page
