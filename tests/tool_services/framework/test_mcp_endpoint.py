"""POST /mcp as any client meets it, in both eras of the protocol.

What the protocol's own suite checks (test_mcp_conformance) is not repeated here: the envelope and
the headers of stateless requests, and how long lists may be kept.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from typing import Any

import pytest
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS

from tests.tool_services.support.services import JSON, Answer, Service
from tool_services.framework.app_factory import MAX_REQUEST_BYTES
from tool_services.framework.argument_digest import argument_digest

STATELESS = "2026-07-28"
META = "io.modelcontextprotocol/"
ENVELOPE = {META + "protocolVersion": STATELESS, META + "clientCapabilities": {}}
VALID = "a valid token"
WRONG = {"name": "addNote", "arguments": {"noteText": 0}}


def post(service: Service, body: Any, token: str | None = VALID, **headers: str) -> Answer:
    sent = JSON | {name.replace("_", "-"): value for name, value in headers.items()}
    data = body if isinstance(body, bytes) else json.dumps(body)
    token = _valid_token(service, body) if token is VALID else token
    return service.request("POST", "/mcp", token, data=data, headers=sent)


def _valid_token(service: Service, body: Any) -> str:
    params = isinstance(body, dict) and body.get("params")
    if not isinstance(params, dict) or params.get("name") != "addNote":
        return service.token()
    return service.call_token("addNote", params.get("arguments", {}))


def handshake(service: Service, method: str, params: Any = None, **headers: str) -> Answer:
    """A request of the handshake era."""
    body = {"jsonrpc": "2.0", "id": 7, "method": method}
    return post(service, body if params is None else body | {"params": params}, **headers)


def stateless(service: Service, method: str, params: Any = None, **headers: str | None) -> Answer:
    """A request of the stateless era. A header given as None is left out."""
    params = {"_meta": ENVELOPE, **(params or {})}
    usual: dict[str, str | None] = {"MCP_Protocol_Version": STATELESS, "Mcp_Method": method}
    if "name" in params:
        usual["Mcp_Name"] = params["name"]
    sent = {name: value for name, value in (usual | headers).items() if value is not None}
    body = {"jsonrpc": "2.0", "id": "a", "method": method, "params": params}
    return post(service, body, **sent)


def error(answer: Answer) -> tuple[int, int]:
    assert answer.body["jsonrpc"] == "2.0"
    return answer.status, answer.body["error"]["code"]


@pytest.mark.slow
def test_the_official_client_lists_and_calls_tools_in_either_era(notes: Service) -> None:
    calls = [["findNotes", {"text": "first"}], ["addNote", {"noteText": "third"}]]
    module = "tests.tool_services.support.official_client"
    args = argument_digest(calls[1][1])
    token = notes.token(scope="tools:call notes:read notes:write", args=args)
    command = [sys.executable, "-m", module, f"{notes.url}/mcp", token, json.dumps(calls)]
    done = subprocess.run([*command, "auto", "legacy"], capture_output=True, check=True)
    transcripts = [json.loads(line) for line in done.stdout.splitlines()]
    revisions = [seen["revision"] for seen in transcripts]
    assert revisions == [STATELESS, HANDSHAKE_PROTOCOL_VERSIONS[-1]]
    for seen in transcripts:
        assert seen["server"] == "notes"
        assert [tool["name"] for tool in seen["tools"]][:2] == ["findNotes", "addNote"]
        for answer in seen["answers"]:
            assert not answer["failed"]
            assert json.loads(answer["text"]) == answer["structured"]
        assert seen["answers"][0]["structured"]["notes"] == ["first"]


def test_tools_are_described_as_over_plain_http(notes: Service) -> None:
    listed = handshake(notes, "tools/list").body["result"]["tools"]
    assert listed == notes.request("GET", "/tools").body["tools"]


def test_a_result_is_for_the_model_and_its_display_parts_for_people(notes: Service) -> None:
    result = notes.mcp_result("findNotes", {})
    text, card, table = result["content"]
    assert json.loads(text["text"]) == result["structuredContent"]
    assert text["annotations"] == {"audience": ["assistant"]}
    assert card["annotations"] == table["annotations"] == {"audience": ["user"]}
    assert card["resource"]["mimeType"] == "text/html"
    assert table["resource"] == {
        "uri": "ui://notes/notes.csv",
        "mimeType": "text/csv",
        "text": "Note\nfirst\nsecond\n",
    }


def test_discovery_names_what_the_service_has_beside_tools(notes: Service) -> None:
    capabilities = stateless(notes, "server/discover").body["result"]["capabilities"]
    assert capabilities["extensions"] == {"homestream/outbox": {}, "homestream/preview": {}}


@pytest.mark.parametrize("wanted", [*HANDSHAKE_PROTOCOL_VERSIONS, "1999-01-01"])
def test_a_handshake_agrees_on_a_revision(notes: Service, wanted: str) -> None:
    client = {"name": "test", "version": "1"}
    params = {"protocolVersion": wanted, "capabilities": {}, "clientInfo": client}
    result = handshake(notes, "initialize", params).body["result"]
    known = wanted in HANDSHAKE_PROTOCOL_VERSIONS
    assert result["protocolVersion"] == (wanted if known else HANDSHAKE_PROTOCOL_VERSIONS[-1])
    assert result["serverInfo"]["name"] == "notes"
    pong = handshake(notes, "ping", MCP_Protocol_Version=result["protocolVersion"])
    assert pong.body == {"jsonrpc": "2.0", "id": 7, "result": {}}


def test_a_notification_is_accepted_without_an_answer(notes: Service) -> None:
    headers = {"Authorization": f"Bearer {notes.token()}"}
    for method in ("notifications/initialized", "notifications/cancelled"):
        message = {"jsonrpc": "2.0", "method": method}
        answer = notes.app.test_client().post("/mcp", json=message, headers=headers)
        assert (answer.status_code, answer.data) == (202, b"")


def test_a_tool_that_fails_says_so_in_its_result(notes: Service) -> None:
    for answer in (
        handshake(notes, "tools/call", WRONG),
        stateless(notes, "tools/call", WRONG),
    ):
        assert answer.result["isError"] is True
        [block] = answer.result["content"]
        assert block == {"type": "text", "text": "noteText must be a valid string, not 0."}
        assert "structuredContent" not in answer.result


def test_a_database_that_is_away_is_told_in_the_result(notes: Service) -> None:
    with notes.app.app_context():
        notes.database.drop_all()
    result = notes.mcp_result("findNotes", {})
    assert result["isError"] is True
    assert "database can't be reached" in result["content"][0]["text"]


@pytest.mark.parametrize(
    ("era", "method", "params", "expected"),
    [
        (handshake, "tools/call", {"name": "nowhere"}, (200, -32602)),
        (stateless, "tools/call", {"name": "nowhere"}, (400, -32602)),
        (stateless, "ping", None, (404, -32601)),
        (stateless, "initialize", None, (404, -32601)),
        (handshake, "server/discover", None, (200, -32601)),
        (handshake, "nonsense", None, (200, -32601)),
        (handshake, "tools/call", {"name": 5}, (200, -32602)),
        (handshake, "tools/call", {}, (200, -32602)),
        (handshake, "tools/call", {"name": "findNotes", "arguments": []}, (200, -32602)),
        (handshake, "tools/list", {"cursor": "never given"}, (200, -32602)),
    ],
)
def test_an_unknown_name_or_wrong_params_are_an_error_of_the_protocol(
    notes: Service, era: Any, method: str, params: Any, expected: tuple[int, int]
) -> None:
    assert error(era(notes, method, params)) == expected


def test_a_name_may_come_encoded_in_its_header(notes: Service) -> None:
    encoded = base64.b64encode(b"findNotes").decode()
    header = {"Mcp_Name": f"=?base64?{encoded}?="}
    answer = stateless(notes, "tools/call", {"name": "findNotes"}, **header)
    assert answer.result["structuredContent"]["notes"] == ["first", "second"]


def test_an_unsupported_revision_is_answered_with_the_supported_ones(notes: Service) -> None:
    meta = {**ENVELOPE, META + "protocolVersion": "2031-01-01"}
    new = stateless(notes, "tools/list", {"_meta": meta}, MCP_Protocol_Version="2031-01-01")
    for answer in (new, handshake(notes, "ping", MCP_Protocol_Version="2031-01-01")):
        assert error(answer) == (400, -32022)
        data = answer.body["error"]["data"]
        assert data["requested"] == "2031-01-01"
        assert data["supported"] == [STATELESS, *HANDSHAKE_PROTOCOL_VERSIONS]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", -32700),
        (b"{", -32700),
        (b"[]", -32600),
        (b'[{"jsonrpc": "2.0", "id": 1, "method": "ping"}]', -32600),
        (b'"ping"', -32600),
        (b'{"jsonrpc": "1.0", "id": 1, "method": "ping"}', -32600),
        (b'{"jsonrpc": "2.0", "id": 1.5, "method": "ping"}', -32600),
        (b'{"jsonrpc": "2.0", "id": null, "method": "ping"}', -32600),
        (b'{"jsonrpc": "2.0", "id": 1, "method": 5}', -32600),
        (b'{"jsonrpc": "2.0", "id": 1, "result": {}}', -32600),
    ],
)
def test_a_body_that_is_no_request_is_refused(notes: Service, body: bytes, code: int) -> None:
    assert error(post(notes, body)) == (400, code)


def test_a_message_that_is_too_large_is_refused(notes: Service) -> None:
    assert post(notes, b" " * (MAX_REQUEST_BYTES + 1)).status == 413


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
def test_there_are_no_sessions_to_follow_or_end(notes: Service, method: str) -> None:
    answer = notes.request(method, "/mcp", notes.token())
    assert answer.status == 405
    assert "POST" in answer.headers["Allow"]


def test_pages_of_other_sites_may_not_call(notes: Service) -> None:
    for origin in ("https://evil.example", "null", f"{notes.url}.evil.example"):
        assert handshake(notes, "ping", Origin=origin).status == 403
    for origin in (notes.url, notes.settings.app_url):
        assert handshake(notes, "ping", Origin=origin).status == 200


def test_only_json_is_taken_and_given(notes: Service) -> None:
    assert handshake(notes, "ping", Content_Type="text/plain").status == 415
    assert handshake(notes, "ping", Accept="text/html").status == 406
    assert handshake(notes, "ping", Accept="application/json, text/event-stream").status == 200


def test_without_a_token_a_client_is_told_where_to_get_one(notes: Service) -> None:
    answer = post(notes, {"jsonrpc": "2.0", "id": 1, "method": "ping"}, token=None)
    assert answer.status == 401
    where = f"{notes.url}/.well-known/oauth-protected-resource"
    assert answer.challenge == f'Bearer resource_metadata="{where}"'
    for path in ("", "/mcp"):
        metadata = notes.request("GET", f"/.well-known/oauth-protected-resource{path}")
        assert metadata.body["resource"] == notes.url
        assert metadata.body["authorization_servers"] == [notes.issuer.url]


def test_listing_and_calling_tools_are_two_scopes(notes: Service) -> None:
    may_list = notes.token(scope="tools:list")
    to_list = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    assert post(notes, to_list, token=may_list).status == 200
    call = {**to_list, "method": "tools/call", "params": {"name": "findNotes"}}
    answer = post(notes, call, token=may_list)
    assert answer.status == 403
    assert 'error="insufficient_scope", scope="tools:call"' in answer.challenge
    assert post(notes, to_list, token=notes.token(scope="outbox:read")).status == 403


def test_a_call_knows_its_user_and_its_idempotency_key(notes: Service) -> None:
    call = {"name": "addNote", "arguments": {"noteText": "third"}}
    answer = handshake(notes, "tools/call", call, Idempotency_Key="k")
    assert answer.result["structuredContent"]["writtenFor"] == "alice k"
