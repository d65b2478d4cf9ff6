"""The secrets in MCP_SERVERS reach nobody but their server, whatever that one answers."""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Response, request

from app.tools.untrusted.secret_texts import SecretTexts
from tests.support.product import Person, Product
from tests.support.scripted_model import ScriptedModel, text, tool_call
from tests.support.tool_services import Blocks, ToolService

Start = Callable[..., Product]

TOKEN = 't0ken/of+the"weather'
IN_QUERY = "query-secret-1"
IN_PATH = "path-secret-123456"
SECRETS = (TOKEN, "t0ken%2Fof%2Bthe%22weather", IN_QUERY, IN_PATH)


def echo() -> str:
    """All that the server was sent, as an error message might repeat it."""
    return f"You sent {request.headers['Authorization']} to {request.full_path}"


def reply(answer: Any, status: int = 200, **headers: str) -> Response:
    body = {"jsonrpc": "2.0", "id": request.get_json()["id"]} | answer
    return Response(json.dumps(body), status, headers, mimetype="application/json")


def blocks(words: str) -> list[dict[str, Any]]:
    resource = {"uri": "ui://x/page.html", "mimeType": "text/html", "text": f"<p>{words}</p>"}
    shown = {"type": "resource", "resource": resource, "annotations": {"audience": ["user"]}}
    return [{"type": "text", "text": words}, shown]


def failure(content: Any) -> dict[str, Any]:
    return {"resultType": "complete", "content": content, "isError": True}


def coded() -> Response:
    """The same with each character as its code."""
    answer = failure([{"type": "text", "text": echo()}])
    body = json.dumps({"jsonrpc": "2.0", "id": request.get_json()["id"], "result": answer})
    words = "".join(f"\\u{ord(char):04X}" for char in echo())
    body = body.replace(json.dumps(echo())[1:-1], words)
    assert TOKEN not in body
    return Response(body, mimetype="application/json")


ANSWERS: dict[str, Callable[[], Any]] = {
    "error of the tool": lambda: reply({"result": failure(blocks(echo()))}),
    "error of the protocol": lambda: reply({"error": {"code": -32000, "message": echo()}}),
    "error without structure": lambda: reply({"error": echo()}),
    "error with a status": lambda: reply({"error": {"code": 1, "message": echo()}}, 400),
    "result": lambda: {echo(): [echo(), {"deep": echo()}]},
    "shown": lambda: Blocks(blocks(echo())),
    "what the schema forbids": lambda: reply({"result": failure(echo())}),
    "request": lambda: reply({"method": echo()}),
    "redirect": lambda: Response(echo(), 302, {"Location": f"/{IN_PATH}?{IN_QUERY}"}),
    "page": lambda: Response(echo(), 500),
    "coded": coded,
    "no HTTP": lambda: Response("", 200, {"Content-Length": "5", "X-Echo": IN_QUERY}),
}


def servers(service: ToolService) -> dict[str, Any]:
    service.app.post(f"/{IN_PATH}/mcp", endpoint="secret")(service._mcp)
    url = f"{service.url}/{IN_PATH}/mcp?key={IN_QUERY}"
    return {"mcp_servers": {"far": {"url": url, "token": TOKEN}}}


def seen_by(person: Person, conversation: str) -> str:
    """Everything that pages and the API tell."""
    pages = [person.get(path).text for path in (f"/conversations/{conversation}", "/tools")]
    history = person.api("GET", "/agents/chat-history").text
    health = person.api("GET", "/health").text
    return "\n".join(map(html.unescape, (*pages, history, health)))


def assert_hidden(*texts: str) -> None:
    for secret in SECRETS:
        for seen in texts:
            assert secret not in seen
            assert json.dumps(secret)[1:-1] not in seen


@pytest.mark.parametrize("how", ANSWERS)
def test_what_a_server_repeats_of_them_is_hidden(
    start: Start, model: ScriptedModel, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    caplog.set_level("DEBUG")
    with ToolService(act=lambda _: ANSWERS[how]()) as service:
        settings = servers(service)
        alice = start(**settings, approvals={"far__act": "never"}, tool_timeout=2).sign_up("Alice")
        model.script(tool_call("far__act", {}), text("It did not work."))
        messages = alice.ask("x").until("done")
        assert service.calls
        conversation = messages[0].json["conversationId"]
        seen = seen_by(alice, conversation)
    events = "\n".join(message.data for message in messages)
    asked = json.dumps([request.body for request in model.requests])
    assert_hidden(events, seen, asked, caplog.text)
    if how in ("error of the tool", "error of the protocol", "coded"):
        assert "You sent Bearer ***" in events


@pytest.mark.parametrize(
    "listed",
    [
        lambda: reply({"error": {"code": -32000, "message": echo()}}),
        lambda: {"tools": [{"name": "x", "description": echo(), "inputSchema": {"$ref": echo()}}]},
        lambda: {"tools": [{"name": echo(), "description": echo(), "inputSchema": {}}]},
        lambda: 1 / 0,
    ],
    ids=["refused", "a schema", "a name", "no JSON"],
)
def test_what_is_said_of_a_server_that_is_away_does_not_hold_them(
    start: Start, caplog: pytest.LogCaptureFixture, listed: Callable[[], Any]
) -> None:
    with ToolService(act=lambda _: "never") as service:
        service.list = listed  # type: ignore[method-assign]
        service.app.testing = False
        product = start(**servers(service))
        alice = product.sign_up("Alice")
        first = alice.get("/tools").text
    product.services.registry.servers["far"] = product.services.registry.servers["far"].away("x")
    product.services.registry.refresh()
    assert "can't be reached" in product.services.registry.servers["far"].problem
    assert_hidden(first, alice.get("/tools").text, caplog.text)


def test_secrets_are_found_as_they_are_and_as_a_url_writes_them() -> None:
    secrets = SecretTexts.of_server("https://u:pass%40word@x/mcp?v=1&key=abc%20def", "T" * 20)
    for text_with in ("u:pass@word@x", "pass%40word", "abc def", "abc%20def", "T" * 20):
        assert "***" in secrets.hide(text_with)
    assert secrets.hide("version 1 of mcp") == "version 1 of mcp"
    words = SecretTexts.of_server("https://x/weather-forecast/mcp?units=metric", None)
    assert words.hide("the weather-forecast is metric") == "the weather-forecast is metric"
