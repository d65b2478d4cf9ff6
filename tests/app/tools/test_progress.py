"""What servers tell while a call is made: bounded, shown while it lasts, and logged in one line."""

from __future__ import annotations

import html
import json
import logging
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import gevent
import pytest
from flask import Flask, Response, request
from gevent.event import Event

from tests.app.agent.test_loop import results
from tests.app.tools.test_mcp_client import unasked
from tests.support.product import Message, Person, Product
from tests.support.scripted_model import ScriptedModel, text, tool_call
from tests.support.tool_services import ToolService
from tests.tool_services.framework.test_progress import TALKATIVE, Gate
from tool_services.framework.app_factory import create_app
from tool_services.framework.service import settings_type

Start = Callable[..., Product]
Json = dict[str, Any]

TOKEN = "token-of-the-weather"


class Telling(ToolService):
    """A server whose tool `act` sends `tells`, waits for `may_end`, and answers."""

    def __init__(self) -> None:
        super().__init__(act=lambda _arguments: self._stream())
        self.may_end = Event()
        self.reset()

    def reset(self) -> None:
        self.may_end.set()
        self.tells: Iterable[Json] = ()
        self.meta: Json = {}
        self.may_end = Event()

    def _stream(self) -> Response:
        message = request.get_json()
        self.meta = message["params"]["_meta"]
        return Response(self._events(message), mimetype="text/event-stream")

    def _events(self, message: Json) -> Iterator[str]:
        token = message["params"]["_meta"]["progressToken"]
        for told in self.tells:
            params = {"progressToken": token} | told
            method = "message" if "data" in told else "progress"
            yield event(method=f"notifications/{method}", params=params)
        self.may_end.wait(30)
        result = {"resultType": "complete", "content": [], "structuredContent": {"done": True}}
        yield event(id=message["id"], result=result)

    def __exit__(self, *error: object) -> None:
        self.may_end.set()
        super().__exit__(*error)


def event(**message: Any) -> str:
    return f"data: {json.dumps({'jsonrpc': '2.0'} | message)}\n\n"


@pytest.fixture(scope="module")
def shared_telling() -> Iterator[Telling]:
    with Telling() as service:
        yield service


@pytest.fixture
def telling(shared_telling: Telling) -> Telling:
    shared_telling.reset()
    return shared_telling


@pytest.fixture(scope="module")
def product_settings(shared_telling: Telling) -> Json:
    servers = {"weather": {"url": f"{shared_telling.url}/mcp", "token": TOKEN}}
    return {"mcp_servers": servers, **unasked("weather__act")}


def ask(alice: Person, model: ScriptedModel) -> Iterator[Message]:
    """Alice's question, for which the tool is called."""
    model.script(tool_call("weather__act", {"place": "Bend"}), text("Done."))
    return iter(alice.ask("x"))


def until_told(messages: Iterator[Message]) -> Json:
    """The first `tool` event with progress."""
    return next(one.json for one in messages if one.event == "tool" and "progress" in one.json)


@pytest.mark.shares_product
def test_progress_is_shown_while_the_call_is_made_and_gone_with_its_end(
    alice: Person, model: ScriptedModel, telling: Telling
) -> None:
    telling.tells = [
        {"progress": 1, "total": 10, "message": "Beginning"},
        {"progress": 3, "total": 10, "message": "Reading <b>sales"},
    ]
    messages = ask(alice, model)
    run_id = next(messages).json["runId"]
    told = until_told(messages)
    assert (told["status"], told["arguments"]) == ("started", {"place": "Bend"})
    assert told["progress"] == {"done": 3, "total": 10, "message": "Reading <b>sales"}
    assert telling.meta["io.modelcontextprotocol/logLevel"] == "info"

    shown = alice.get(f"/runs/{run_id}").text
    assert '<progress value="3" max="10"' in shown
    assert ">3 of 10 · Reading &lt;b&gt;sales</bdi>" in shown
    assert "Beginning" not in shown
    [snapshot] = [one for one in _until(alice.watch(run_id), "status") if one.event == "parts"]
    assert "3 of 10 · Reading &lt;b&gt;sales" in snapshot.data

    telling.may_end.set()
    ended = [one.json for one in messages if one.event == "tool"][-1]
    assert (ended["status"], "progress" in ended) == ("completed", False)
    assert "Reading" not in alice.get(f"/runs/{run_id}").text
    again = alice.resume(run_id).all()
    assert [one.json["status"] for one in again if one.event == "tool"][-1] == "completed"


def _until(stream: Any, name: str) -> list[Message]:
    messages: list[Message] = stream.until(name)
    stream.close()
    return messages


@pytest.mark.shares_product
def test_a_page_patches_the_line_alone_and_a_held_open_one_adds_to_it(
    alice: Person, model: ScriptedModel, telling: Telling
) -> None:
    telling.tells = [{"progress": 2, "message": "Reading sales"}]
    messages = ask(alice, model)
    begun = next(messages).json
    held = alice.get(f"/conversations/{begun['conversationId']}/live", stream=True)
    fragments = iter(alice.watch(begun["runId"]))
    patch = next(one.data for one in fragments if "Reading sales" in one.data)
    call_id = until_told(messages)["id"]
    assert patch.startswith(f'<hx-partial hx-target="#t-{call_id}" hx-swap="outerHTML">')
    assert "<progress" not in patch  # nobody knows of how much
    telling.may_end.set()
    page = html.unescape(held.text)
    line = "<code>weather__act</code> from weather (not ours): <bdi>Reading sales</bdi>"
    assert page.count(line) == 1
    assert page.index(line) < page.index("done in")


NO_PROGRESS: list[Json] = [
    {"progress": 5, "message": "x", "progressToken": "another"},
    {"progress": "5"},
    {"progress": True},
    {"progress": -1},
    {"progress": 10**400},
    {"progress": 0.25, "message": "It went back"},
    {"total": 5},
]


@pytest.mark.shares_product
def test_what_is_no_progress_of_the_call_is_ignored_and_words_are_cut(
    alice: Person, model: ScriptedModel, telling: Telling
) -> None:
    good = {"progress": 0.5, "total": "many", "message": f"a\nb\u202e{TOKEN} " + "c" * 100_000}
    telling.tells = [good, *NO_PROGRESS]
    messages = ask(alice, model)
    told = until_told(messages)["progress"]
    assert (told["done"], told["total"]) == (0.5, None)
    assert told["message"].startswith("a b *** c")
    assert len(told["message"]) <= 200
    telling.may_end.set()
    assert list(messages)[-1].json["status"] == "completed"


@pytest.mark.shares_product
def test_a_call_that_is_stopped_leaves_no_progress(
    alice: Person, model: ScriptedModel, telling: Telling
) -> None:
    telling.tells = [{"progress": 1}]
    messages = ask(alice, model)
    run_id = next(messages).json["runId"]
    until_told(messages)
    assert alice.api("POST", f"/runs/{run_id}/stop").ok
    [ended] = [one.json for one in messages if one.event == "tool" and "error" in one.json]
    assert (ended["status"], "progress" in ended) == ("failed", False)


def test_endless_progress_gives_a_call_no_more_time_and_a_run_few_events(
    start: Start, model: ScriptedModel, telling: Telling, product_settings: Json
) -> None:
    def endless() -> Iterator[Json]:
        for number in range(10_000):
            yield {"progress": number}
            gevent.sleep(0.01)

    telling.tells = endless()
    messages = list(ask(start(tool_timeout=1.5, **product_settings).sign_up("Alice"), model))
    assert results(model)[0]["error"] == "weather took over 1.5 seconds."
    told = [one for one in messages if one.event == "tool" and "progress" in one.json]
    assert 1 <= len(told) <= 3


@pytest.mark.shares_product
def test_too_many_messages_end_the_call(
    alice: Person, model: ScriptedModel, telling: Telling
) -> None:
    telling.tells = [{"progress": number} for number in range(10_001)]
    list(ask(alice, model))
    error = results(model)[0]["error"]
    assert error == "weather sends more than 10000 messages beside its answer."


@pytest.mark.shares_product
def test_a_servers_log_lines_are_in_the_log_one_line_each_and_not_many(
    alice: Person, model: ScriptedModel, telling: Telling, caplog: pytest.LogCaptureFixture
) -> None:
    telling.tells = [
        {"level": "warning", "data": f"a\nERROR app forged {TOKEN}", "logger": "rain\n1"},
        {"level": "emergency", "data": {"why": "x" * 1_000}},
        *({"level": "info", "data": f"line {number}"} for number in range(100)),
    ]
    telling.may_end.set()
    caplog.set_level(logging.INFO, "app")
    list(ask(alice, model))
    lines = [one for one in caplog.records if one.message.startswith("weather says: ")]
    assert len(lines) == 20
    assert lines[0].message == "weather says: rain 1: a ERROR app forged ***"
    assert [one.levelname for one in lines[:3]] == ["WARNING", "ERROR", "INFO"]
    assert len(lines[1].message) < 600
    assert not [one for one in caplog.records if "\n" in one.message]


def logged(page: str) -> list[str]:
    """The log lines in the details of a page's calls, as its HTML has them."""
    found = re.findall(r'<details class="tool.*?</details>', page, re.S)
    return re.findall(r"<li>(.*?)</li>", "".join(found), re.S)


@pytest.mark.shares_product
def test_a_calls_log_lines_are_in_its_details_bounded_and_escaped(
    alice: Person, model: ScriptedModel, telling: Telling
) -> None:
    telling.tells = [
        {"level": "debug", "data": "for developers of the server"},
        {"level": "info", "data": f"<b>a\n\u202e{TOKEN}"},
        {"level": "critical", "data": {"why": "x" * 1_000}},
        *({"level": "notice", "data": f"line {number}"} for number in range(100)),
    ]
    telling.may_end.set()
    messages = list(ask(alice, model))
    ended = [one.json for one in messages if one.event == "tool"][-1]
    first, second, *others = ended["log"]
    assert first == {"level": "info", "text": "<b>a  ***"}
    assert (second["level"], len(second["text"])) == ("error", 200)
    assert others == [{"level": "info", "text": f"line {number}"} for number in range(17)]

    run_id, conversation = (messages[0].json[name] for name in ("runId", "conversationId"))
    shown = logged(alice.get(f"/conversations/{conversation}").text)
    assert shown[0] == "info: <bdi>&lt;b&gt;a  ***</bdi>"
    assert [len(shown), shown[-1]] == [19, "info: <bdi>line 16</bdi>"]
    assert logged(next(iter(alice.watch(run_id))).data) == shown
    assert "line 16" not in json.dumps(results(model))


@pytest.mark.shares_product
def test_log_lines_cost_a_stream_no_event_of_their_own(
    alice: Person, model: ScriptedModel, telling: Telling
) -> None:
    telling.tells = [{"level": "info", "data": f"line {number}"} for number in range(20)]
    telling.may_end.set()
    calls = [one.json for one in ask(alice, model) if one.event == "tool"]
    assert [(one["status"], len(one.get("log", []))) for one in calls] == [
        ("started", 0),
        ("completed", 20),
    ]


@pytest.mark.shares_product
def test_a_failed_call_shows_what_it_logged_before(
    alice: Person, model: ScriptedModel, telling: Telling
) -> None:
    lines = [{"level": "warning", "data": "It rains in."}]
    telling.tells = [*lines, *({"progress": number} for number in range(10_001))]
    messages = list(ask(alice, model))
    page = alice.get(f"/conversations/{messages[0].json['conversationId']}").text
    assert logged(page) == ["warning: <bdi>It rains in.</bdi>"]


def test_a_service_of_ours_tells_and_logs_through_the_framework(
    start: Start, model: ScriptedModel, caplog: pytest.LogCaptureFixture
) -> None:
    def talkative(settings: Json) -> Flask:
        return create_app(TALKATIVE, settings_type([TALKATIVE]).model_validate(settings))

    Gate.close()
    alice = start({"notes": talkative}).sign_up("Alice")
    model.script(tool_call("countNotes", {}), text("Two."))
    messages = iter(alice.ask("x"))
    told = until_told(messages)["progress"]
    assert (told["done"], told["total"], told["message"][:14]) == (1, 3, "Reading notes!")
    Gate.goes_on.set()
    rest = list(messages)
    assert rest[-1].json["status"] == "completed"
    assert results(model) == [{"count": 2}]
    [log] = [one.json["log"] for one in rest if one.event == "tool" and "log" in one.json]
    assert log == [{"level": "warning", "text": "It begins. notes tool=forged"}]
    assert "notes says: countNotes: It begins. notes tool=forged" in caplog.messages
