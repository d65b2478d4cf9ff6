"""Servers of the Model Context Protocol that aren't ours: one built with the official SDK, and
ones that do what they shouldn't."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gevent
import pytest
import requests
from flask import Response, request
from gevent.event import Event

from scripts.child_processes import start as start_process
from scripts.ports import free_port
from tests.app.agent.test_loop import results
from tests.support.product import Product, eventually
from tests.support.scripted_model import ScriptedModel, text, tool_call
from tests.support.tool_services import ToolService

Start = Callable[..., Product]

TOKEN = "token-for-the-weather"


@contextmanager
def sdk_server(era: str) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "tests.support.mcp_sdk_server", str(port), TOKEN, era]
    url = f"http://127.0.0.1:{port}/mcp"
    with start_process(command) as process:
        try:
            eventually(lambda: _answers(url), 30)
            yield url
        finally:
            process.terminate()


def _answers(url: str) -> bool:
    try:
        return requests.post(url, timeout=5).status_code == 401
    except requests.ConnectionError:
        return False


@pytest.fixture(scope="module", params=["modern", "handshake"])
def weather(request: pytest.FixtureRequest) -> Iterator[str]:
    with sdk_server(request.param) as url:
        yield url


def server(url: str, **more: Any) -> dict[str, Any]:
    return {"weather": {"url": url, "token": TOKEN} | more}


def unasked(*names: str) -> dict[str, Any]:
    """Settings by which nobody is asked before these tools are called."""
    return {"approvals": dict.fromkeys(names, "never")}


def offered(model: ScriptedModel) -> list[str]:
    return [tool["function"]["name"] for tool in model.requests[-1].body["tools"]]


@pytest.mark.slow
def test_a_server_built_with_the_official_sdk_is_part_of_the_agent(
    start: Start, model: ScriptedModel, weather: str
) -> None:
    tools = ("forecast", "greet_person", "findNotes", "draw", "fail")
    settings = unasked(*(f"weather__{tool}" for tool in tools))
    alice = start(mcp_servers=server(weather), **settings).sign_up("Alice")
    model.script(
        tool_call("weather__forecast", {"city": "Bend"}),
        tool_call("weather__greet_person", {"name": "Ann"}),
        tool_call("weather__findNotes", {}),
        tool_call("findNotes", {"text": "first"}),
        tool_call("weather__draw", {}),
        tool_call("weather__fail", {}),
        text("21.5 degrees."),
    )
    messages = alice.ask("How warm will it be?").until("done")
    assert messages[-1].json["status"] == "completed"
    forecast, greeting, find, ours, picture, failure = results(model)
    assert forecast == {"city": "Bend", "degrees": 21.5}
    assert greeting == "Hello Ann"
    assert find == {"from": "weather"}
    assert ours["notes"] == ["first"]
    assert picture == "[image, which the person sees]"
    assert failure["error"] == "Error executing tool fail"


def test_what_a_server_asks_for_in_mid_call_is_reported(
    start: Start, model: ScriptedModel, weather: str
) -> None:
    settings = unasked("weather__ask_back")
    alice = start(mcp_servers=server(weather), **settings).sign_up("Alice")
    model.script(tool_call("weather__ask_back", {}), text("It wants to know more."))
    messages = alice.ask("x").until("done")
    assert messages[-1].json["status"] == "completed"
    [failure] = results(model)
    assert "elicitation" in failure["error"]


def test_how_far_a_call_is_comes_of_it_and_its_log_lines_are_logged(
    start: Start, model: ScriptedModel, weather: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "app")
    alice = start(mcp_servers=server(weather), **unasked("weather__survey")).sign_up("Alice")
    model.script(tool_call("weather__survey", {}), text("Done."))
    messages = alice.ask("x").until("done")
    told = [one.json["progress"] for one in messages if "progress" in one.data]
    assert told[0]["total"] == 20
    assert told[0]["message"].startswith("Looking at ")
    assert results(model) == ["seen"]
    assert "weather says: It is cloudy." in caplog.text


ELICITATION = {
    "method": "elicitation/create",
    "params": {"message": "Who?", "requestedSchema": {"type": "object", "properties": {}}},
}
MORE_INPUT = {"result": {"resultType": "input_required", "inputRequests": {"a": ELICITATION}}}
NEEDED: dict[str, object] = {"requiredCapabilities": {"sampling": {}}}
NO_CAPABILITY = {"error": {"code": -32021, "message": "You can't.", "data": NEEDED}}


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [(MORE_INPUT, "elicitation/create"), (NO_CAPABILITY, "sampling")],
    ids=["more input", "a capability"],
)
def test_what_a_server_of_today_asks_for_in_mid_call_is_reported(
    start: Start,
    model: ScriptedModel,
    caplog: pytest.LogCaptureFixture,
    answer: dict[str, Any],
    wanted: str,
) -> None:
    def act(_arguments: dict[str, Any]) -> Response:
        body = {"jsonrpc": "2.0", "id": request.get_json()["id"]} | answer
        return Response(json.dumps(body), mimetype="application/json")

    with ToolService(act=act) as service:
        alice = start(
            mcp_servers={"curious": {"url": f"{service.url}/mcp"}}, **unasked("curious__act")
        ).sign_up("Alice")
        model.script(tool_call("curious__act", {}), text("It wants to know more."))
        assert alice.ask("x").until("done")[-1].json["status"] == "completed"
    [failure] = results(model)
    assert failure["error"] == (
        f"curious asks for {wanted} in the middle of a call, which isn't supported here."
    )
    assert f"curious asks for {wanted}, which is not supported" in caplog.text


def test_only_the_tools_that_are_allowed_are_offered(
    start: Start, model: ScriptedModel, weather: str
) -> None:
    product = start(mcp_servers=server(weather, tools=["forecast", "rain"]))
    product.sign_up("Alice").ask("x").until("done")
    assert [name for name in offered(model) if "__" in name] == ["weather__forecast"]
    assert product.services.registry.servers["weather"].problem == "it has no tool rain"


def test_a_server_that_does_not_take_the_token_is_reported(start: Start, weather: str) -> None:
    product = start(mcp_servers={"weather": {"url": weather, "token": "another"}})
    found = product.services.registry.servers["weather"]
    assert (found.up, found.problem) == (False, "weather doesn't take the token.")


def test_every_server_and_the_names_of_its_tools_can_be_seen(start: Start, weather: str) -> None:
    product = start(mcp_servers=server(weather), tool_services={"away": "http://127.0.0.1:9"})
    page = product.sign_up("Alice").get("/tools").text
    assert "weather__findNotes" in page
    assert "Tomorrow&#39;s weather in a city." in page
    assert "away can&#39;t be reached" in page
    assert TOKEN not in page


class OldServer(ToolService):
    """A server with a handshake and sessions, which forgets them when told to; it streams what it
    answers, and asks for `wants` before."""

    def __init__(self, **tools: Callable[[dict[str, Any]], Any]) -> None:
        super().__init__(**tools)
        self.sessions: list[str] = []
        self.methods: list[str] = []
        self.wants: str | None = None
        self.declined: list[Any] = []
        self.may_begin = Event()
        self.may_begin.set()

    def _mcp(self) -> Any:
        message = request.get_json()
        if "method" not in message:
            self.declined.append(message)
            return Response(status=202)
        self.methods.append(message["method"])
        if message["method"] == "server/discover":
            return Response("Bad Request: no session", 400)
        if message["method"] == "initialize":
            self.may_begin.wait()
            self.sessions.append(f"session-{time.monotonic_ns()}")
            info = {"name": "old", "version": "1"}
            result = {"protocolVersion": "2025-06-18", "capabilities": {}, "serverInfo": info}
            answer = {"jsonrpc": "2.0", "id": message["id"], "result": result}
            headers = {"Mcp-Session-Id": self.sessions[-1], "Content-Type": "application/json"}
            return Response(json.dumps(answer), headers=headers)
        if request.headers.get("Mcp-Session-Id") not in self.sessions[-1:]:
            return Response("", 404)
        assert request.headers["MCP-Protocol-Version"] == "2025-06-18"
        if message["method"].startswith("notifications/"):
            return Response(status=202)
        return Response(self._streamed(super()._mcp()), mimetype="text/event-stream")

    def _streamed(self, answer: dict[str, Any]) -> Iterator[str]:
        yield ": a comment\r\n\r\n"
        yield 'event: message\ndata: {"jsonrpc": "2.0",\ndata: "method": "notifications/x"}\n\n'
        if self.wants:
            asked = {"jsonrpc": "2.0", "id": "s1", "method": self.wants, "params": {}}
            yield f"data: {json.dumps(asked)}\n\n"
            while not self.declined:
                gevent.sleep(0.01)
        answer["result"].pop("resultType")
        yield f"id: 1\ndata:{json.dumps(answer)}\n\n"


def test_a_lost_session_is_begun_anew(start: Start, model: ScriptedModel) -> None:
    with OldServer(act=lambda _: {"done": True}) as service:
        alice = start(
            mcp_servers={"old": {"url": f"{service.url}/mcp"}}, **unasked("old__act")
        ).sign_up("Alice")
        service.sessions.append("as if restarted")
        model.script(tool_call("old__act", {}), text("Done."))
        alice.ask("x").until("done")
    assert results(model) == [{"done": True}]
    assert service.methods.count("initialize") == 2
    assert len(service.calls) == 1


def test_a_call_waits_while_a_session_is_begun_anew(start: Start, model: ScriptedModel) -> None:
    with OldServer(act=lambda _: {"done": True}) as service:
        product = start(mcp_servers={"old": {"url": f"{service.url}/mcp"}}, **unasked("old__act"))
        alice = product.sign_up("Alice")
        service.may_begin.clear()
        service.sessions.append("as if restarted")
        eventually(lambda: service.methods.count("initialize") == 2)
        model.script(tool_call("old__act", {}), text("Done."))
        stream = alice.ask("x")
        stream.until("tool")
        gevent.sleep(0.3)  # time to be refused, if it were sent without a session
        service.may_begin.set()
        stream.until("done")
    assert results(model) == [{"done": True}]
    assert service.methods.count("initialize") == 2


def test_a_session_that_is_lost_between_calls_is_begun_anew_by_the_next_look(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    with OldServer(act=lambda _: {"done": True}) as service:
        product = start(mcp_servers={"old": {"url": f"{service.url}/mcp"}})
        service.sessions.append("as if restarted")
        eventually(lambda: service.methods.count("initialize") == 2)
        looks = service.methods.count("tools/list")
        eventually(lambda: service.methods.count("tools/list") > looks + 1)
        assert product.services.registry.servers["old"].up
        assert service.methods.count("initialize") == 2
    assert "old is away: old answered 404" not in caplog.text


def test_what_an_old_server_asks_for_is_declined(
    start: Start, model: ScriptedModel, caplog: pytest.LogCaptureFixture
) -> None:
    with OldServer(act=lambda _: {"done": True}) as service:
        alice = start(
            mcp_servers={"old": {"url": f"{service.url}/mcp"}}, **unasked("old__act")
        ).sign_up("Alice")
        service.wants = "sampling/createMessage"
        model.script(tool_call("old__act", {}), text("Done."))
        alice.ask("x").until("done")
    assert results(model) == [{"done": True}]
    assert service.declined[0]["error"]["code"] == -32601
    assert "old asks for sampling/createMessage, which is not supported" in caplog.text


def test_a_list_of_tools_is_kept_as_long_as_its_server_says(start: Start) -> None:
    kept, asked = ToolService(act=lambda _: {}), ToolService(act=lambda _: {})
    kept.ttl_ms = 60_000
    with kept, asked:
        servers = {
            "kept": {"url": f"{kept.url}/mcp"},
            "asked": {"url": f"{asked.url}/mcp"},
        }
        start(mcp_servers=servers, service_check_interval=0.05)
        eventually(lambda: asked.listed > 3)
    assert kept.listed == 1


@pytest.mark.parametrize(("hints", "made"), [({}, 1), ({"idempotentHint": True}, 2)])
def test_a_call_is_repeated_only_where_that_does_no_harm(
    start: Start, model: ScriptedModel, hints: dict[str, bool], made: int
) -> None:
    """Another's server knows nothing of keys: a call whose answer was lost may have been obeyed."""

    def act(_arguments: dict[str, Any]) -> Any:
        if len(service.calls) == 1:
            return Response(_broken())
        return {"done": True}

    service = ToolService(act=act)
    service.annotations = lambda _name: hints
    with service:
        servers = {"other": {"url": f"{service.url}/mcp"}}
        product = start(mcp_servers=servers, approvals={"other__act": "never"})
        alice = product.sign_up("Alice")
        model.script(tool_call("other__act", {}), text("Hm."))
        alice.ask("x").until("done")
    assert len(service.calls) == made
    [result] = results(model)
    assert result == {"done": True} if made == 2 else "can't be reached" in result["error"]


def _broken() -> Iterator[bytes]:
    yield b'{"jsonrpc": '
    raise gevent.GreenletExit


def test_a_token_is_not_carried_to_where_a_server_points(start: Start) -> None:
    with ToolService() as elsewhere, ToolService() as service:
        service.discovered = lambda: Response(  # type: ignore[method-assign]
            "", 307, {"Location": f"{elsewhere.url}/mcp"}
        )
        product = start(mcp_servers={"far": {"url": f"{service.url}/mcp", "token": "secret"}})
        assert not product.services.registry.servers["far"].up
        assert elsewhere.listed == 0


def test_an_answer_without_end_is_cut(start: Start, model: ScriptedModel) -> None:
    with ToolService(act=lambda _: Response(b"x" * 65_536 for _ in range(1_000))) as service:
        alice = start(
            mcp_servers={"big": {"url": f"{service.url}/mcp"}}, **unasked("big__act")
        ).sign_up("Alice")
        model.script(tool_call("big__act", {}), text("Too much."))
        alice.ask("x").until("done")
    assert results(model)[0]["error"] == "The answer of big has more than 4 MB."


def test_a_result_other_than_promised_is_no_result(start: Start, model: ScriptedModel) -> None:
    service = ToolService(act=lambda _: {"degrees": "warm"})
    listed = service.list

    def promising() -> Any:
        found = listed()
        schema = {"type": "object", "properties": {"degrees": {"type": "number"}}}
        found["tools"][0]["outputSchema"] = schema
        return found

    service.list = promising  # type: ignore[method-assign]
    with service:
        alice = start(
            mcp_servers={"odd": {"url": f"{service.url}/mcp"}}, **unasked("odd__act")
        ).sign_up("Alice")
        model.script(tool_call("odd__act", {}), text("Hm."))
        alice.ask("x").until("done")
    error = results(model)[0]["error"]
    assert error == (
        "odd__act answered something other than it promised:"
        ' degrees: "warm" is not of type "number"'
    )


def test_a_long_name_is_cut_and_stays_the_only_one(start: Start, model: ScriptedModel) -> None:
    names = [f"{'long' * 20}_{number}" for number in range(2)]
    with ToolService(**{name: lambda _: {"ok": True} for name in names}) as service:
        alice = start(mcp_servers={"other": {"url": f"{service.url}/mcp"}}).sign_up("Alice")
        alice.ask("x").until("done")
    cut = [name for name in offered(model) if name.startswith("other__")]
    assert len(set(cut)) == 2
    assert all(len(name) == 64 for name in cut)


def test_two_services_with_the_same_tool_are_told_apart(start: Start, model: ScriptedModel) -> None:
    with ToolService(act=lambda _: {"by": 1}) as one, ToolService(act=lambda _: {"by": 2}) as two:
        alice = start(tool_services={"one": one.url, "two": two.url}).sign_up("Alice")
        model.script(tool_call("act", {}), tool_call("two__act", {}), text("Both."))
        alice.ask("x").until("done")
    assert results(model) == [{"by": 1}, {"by": 2}]


def test_a_server_of_no_revision_that_we_speak_is_reported(start: Start) -> None:
    def unknown() -> Response:
        error = {"code": -32022, "message": "No.", "data": {"supported": ["2031-01-01"]}}
        return Response(json.dumps({"jsonrpc": "2.0", "id": 1, "error": error}), 400)

    service = ToolService(act=lambda _: {})
    service.discovered = unknown  # type: ignore[method-assign]
    with service:
        product = start(mcp_servers={"new": {"url": f"{service.url}/mcp"}})
        found = product.services.registry.servers["new"]
    assert not found.up
    assert "No." in found.problem
