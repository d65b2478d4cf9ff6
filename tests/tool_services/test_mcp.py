"""POST /mcp as any client meets it, in both eras of the protocol."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from typing import Any

import pytest
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS

from tests.tool_services.conftest import Answer, Service, World
from tool_services.framework.app_factory import LARGEST_REQUEST_BYTES
from tool_services.listings.models import db as listings_db

MODERN = "2026-07-28"
VALID = "a token that will do"
META = "io.modelcontextprotocol/"
ENVELOPE = {META + "protocolVersion": MODERN, META + "clientCapabilities": {}}
REPORT = {"listingIds": ["L001"], "recipientEmail": "ann@example.com"}
CALLS: dict[str, list[Any]] = {
    "listings": [
        ["findListings", {"city": "Portland", "maxPrice": 900_000}],
        ["sendListingReport", REPORT],
    ],
    "analytics": [
        ["getListingMetrics", {"listingIds": ["L001"]}],
        ["getMarketAnalysis", {"area": "Portland"}],
        ["generatePerformanceReport", {"listingIds": ["L001", "L002"]}],
    ],
}


def post(service: Service, body: Any, token: str | None = VALID, **headers: str) -> Answer:
    if token is VALID:
        token = service.issuer.token(service.url)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    data = body if isinstance(body, bytes) else json.dumps(body)
    sent = {"Content-Type": "application/json", **sent}
    return service.request("POST", "/mcp", token, data=data, headers=sent)


def old(service: Service, method: str, params: Any = None, **headers: str) -> Answer:
    """A request of the handshake era."""
    body = {"jsonrpc": "2.0", "id": 7, "method": method}
    return post(service, body if params is None else body | {"params": params}, **headers)


def modern(service: Service, method: str, params: Any = None, **headers: str | None) -> Answer:
    """A request of the stateless era, its headers right unless told otherwise."""
    params = {"_meta": ENVELOPE, **(params or {})}
    known: dict[str, str | None] = {"MCP_Protocol_Version": MODERN, "Mcp_Method": method}
    if "name" in params:
        known["Mcp_Name"] = params["name"]
    sent = {name: value for name, value in (known | headers).items() if value is not None}
    body = {"jsonrpc": "2.0", "id": "a", "method": method, "params": params}
    return post(service, body, **sent)


def error(answer: Answer) -> tuple[int, int]:
    assert answer.body["jsonrpc"] == "2.0"
    return answer.status, answer.body["error"]["code"]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_the_official_client_lists_and_calls_every_tool(world: World, mode: str) -> None:
    for name, calls in CALLS.items():
        service: Service = getattr(world, name)
        token = world.issuer.token(service.url)
        module = "tests.tool_services.support.official_client"
        command = [sys.executable, "-m", module, f"{service.url}/mcp", token, mode]
        done = subprocess.run([*command, json.dumps(calls)], capture_output=True, check=True)
        seen = json.loads(done.stdout)
        assert seen["revision"] == (HANDSHAKE_PROTOCOL_VERSIONS[-1] if mode == "legacy" else MODERN)
        assert seen["server"] == name
        assert [tool["name"] for tool in seen["tools"]] == [tool for tool, _ in calls]
        for answer, (tool, arguments) in zip(seen["answers"], calls, strict=True):
            assert not answer["failed"]
            assert json.loads(answer["text"]) == answer["structured"]
            if tool != "sendListingReport":
                assert answer["structured"] == service.call(tool, arguments).result


def test_tools_are_described_the_same_everywhere(world: World) -> None:
    listed = old(world.listings, "tools/list").body["result"]["tools"]
    assert listed == world.listings.request("GET", "/tools").body["tools"]
    hints = {tool["name"]: tool["annotations"] for tool in listed}
    assert hints["findListings"]["readOnlyHint"]
    assert not hints["sendListingReport"]["readOnlyHint"]
    assert hints["sendListingReport"]["openWorldHint"]
    assert all(tool["outputSchema"]["type"] == "object" for tool in listed)


def test_what_a_catalogue_may_be_kept_for_is_said(world: World) -> None:
    for method in ("tools/list", "server/discover"):
        result = modern(world.listings, method).body["result"]
        assert (result["ttlMs"], result["cacheScope"]) == (60_000, "public")
        assert result["resultType"] == "complete"
    assert "ttlMs" not in old(world.listings, "tools/list").body["result"]


@pytest.mark.parametrize("wanted", [*HANDSHAKE_PROTOCOL_VERSIONS, "1999-01-01"])
def test_a_handshake_agrees_on_a_revision(world: World, wanted: str) -> None:
    params = {
        "protocolVersion": wanted,
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    }
    result = old(world.listings, "initialize", params).body["result"]
    known = wanted in HANDSHAKE_PROTOCOL_VERSIONS
    assert result["protocolVersion"] == (wanted if known else HANDSHAKE_PROTOCOL_VERSIONS[-1])
    assert result["serverInfo"]["name"] == "listings"
    assert old(world.listings, "ping", MCP_Protocol_Version=result["protocolVersion"]).body == {
        "jsonrpc": "2.0",
        "id": 7,
        "result": {},
    }


def test_notifications_are_taken_without_an_answer(world: World) -> None:
    token = world.issuer.token(world.listings.url)
    for method in ("notifications/initialized", "notifications/cancelled"):
        headers = {"Authorization": f"Bearer {token}"}
        answer = world.listings.raw({"jsonrpc": "2.0", "method": method}, headers)
        assert (answer.status_code, answer.content) == (202, b"")


def test_a_tool_that_fails_says_so_in_its_result(world: World) -> None:
    wrong = {"name": "findListings", "arguments": {"maxPrice": 0}}
    for answer in (
        old(world.listings, "tools/call", wrong),
        modern(world.listings, "tools/call", wrong),
    ):
        assert answer.status == 200
        assert answer.body["result"]["isError"] is True
        [block] = answer.body["result"]["content"]
        assert block == {"type": "text", "text": "maxPrice must be more than 0, not 0."}
        assert "structuredContent" not in answer.body["result"]


def test_a_database_that_is_away_is_told_in_the_result(world: World) -> None:
    with world.listings.app.app_context():
        listings_db.drop_all()
    result = old(world.listings, "tools/call", {"name": "findListings"}).body["result"]
    assert result["isError"] is True
    assert result["content"][0]["text"] == "The service's database can't be reached now. Try again."


def test_an_unknown_tool_is_an_error_of_the_protocol(world: World) -> None:
    nowhere = {"name": "nowhere"}
    assert error(old(world.listings, "tools/call", nowhere)) == (200, -32602)
    assert error(modern(world.listings, "tools/call", nowhere)) == (400, -32602)


def test_a_method_of_the_other_era_is_unknown(world: World) -> None:
    assert error(modern(world.listings, "ping")) == (404, -32601)
    assert error(modern(world.listings, "initialize")) == (404, -32601)
    assert error(old(world.listings, "server/discover")) == (200, -32601)
    assert error(old(world.listings, "nonsense")) == (200, -32601)


@pytest.mark.parametrize("missing", list(ENVELOPE))
def test_a_modern_request_carries_its_envelope(world: World, missing: str) -> None:
    left = {key: value for key, value in ENVELOPE.items() if key != missing}
    answer = modern(world.listings, "tools/list", {"_meta": left})
    assert error(answer) == (400, -32602)
    assert missing in answer.body["error"]["message"]
    assert answer.body["id"] == "a"


@pytest.mark.parametrize(
    "headers",
    [
        {"MCP_Protocol_Version": None},
        {"MCP_Protocol_Version": "2025-11-25"},
        {"Mcp_Method": None},
        {"Mcp_Method": "tools/list"},
        {"Mcp_Name": None},
        {"Mcp_Name": "sendListingReport"},
        {"Mcp_Name": "=?base64?%%%?="},
    ],
)
def test_headers_that_say_other_than_the_body_are_refused(
    world: World, headers: dict[str, str | None]
) -> None:
    call = {"name": "findListings"}
    assert error(modern(world.listings, "tools/call", call, **headers)) == (400, -32020)


def test_a_name_may_come_encoded_in_its_header(world: World) -> None:
    encoded = base64.b64encode(b"findListings").decode()
    header = {"Mcp_Name": f"=?base64?{encoded}?="}
    answer = modern(world.listings, "tools/call", {"name": "findListings"}, **header)
    assert answer.body["result"]["structuredContent"]["total"] == 20


def test_a_revision_that_is_not_spoken_is_refused_with_those_that_are(world: World) -> None:
    meta = {**ENVELOPE, META + "protocolVersion": "2031-01-01"}
    new = modern(world.listings, "tools/list", {"_meta": meta}, MCP_Protocol_Version="2031-01-01")
    for answer in (new, old(world.listings, "ping", MCP_Protocol_Version="2031-01-01")):
        assert error(answer) == (400, -32022)
        data = answer.body["error"]["data"]
        assert data["requested"] == "2031-01-01"
        assert data["supported"] == [MODERN, *HANDSHAKE_PROTOCOL_VERSIONS]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", -32700),
        (b"{", -32700),
        (b"[" * 5000, -32700),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"a": NaN}}', -32700),
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
def test_what_is_no_message_is_refused(world: World, body: bytes, code: int) -> None:
    assert error(post(world.listings, body)) == (400, code)


@pytest.mark.parametrize("params", [{"name": 5}, {}, {"name": "findListings", "arguments": []}])
def test_wrong_params_are_named(world: World, params: Any) -> None:
    answer = old(world.listings, "tools/call", params)
    assert error(answer) == (200, -32602)
    assert "Traceback" not in str(answer.body)


def test_a_cursor_that_was_never_given_is_refused(world: World) -> None:
    assert error(old(world.listings, "tools/list", {"cursor": "x"})) == (200, -32602)


def test_a_message_that_is_too_large_is_refused(world: World) -> None:
    assert post(world.listings, b" " * (LARGEST_REQUEST_BYTES + 1)).status == 413


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
def test_there_are_no_sessions_to_follow_or_end(world: World, method: str) -> None:
    answer = world.listings.request(method, "/mcp", world.issuer.token(world.listings.url))
    assert answer.status == 405
    assert "POST" in answer.headers["Allow"]


def test_pages_of_other_sites_may_not_call(world: World) -> None:
    for origin in ("https://evil.example", "null", f"{world.listings.url}.evil.example"):
        assert old(world.listings, "ping", Origin=origin).status == 403
    for origin in (world.listings.url, world.settings.app_url):
        assert old(world.listings, "ping", Origin=origin).status == 200


def test_only_json_is_taken_and_given(world: World) -> None:
    assert old(world.listings, "ping", Content_Type="text/plain").status == 415
    assert old(world.listings, "ping", Accept="text/html").status == 406
    assert old(world.listings, "ping", Accept="application/json, text/event-stream").status == 200


def test_without_a_token_a_client_is_told_where_to_get_one(world: World) -> None:
    answer = post(world.listings, {"jsonrpc": "2.0", "id": 1, "method": "ping"}, token=None)
    assert answer.status == 401
    where = f"{world.listings.url}/.well-known/oauth-protected-resource"
    assert answer.challenge == f'Bearer resource_metadata="{where}"'
    for path in ("", "/mcp"):
        metadata = world.listings.request("GET", f"/.well-known/oauth-protected-resource{path}")
        assert metadata.body["resource"] == world.listings.url
        assert metadata.body["authorization_servers"] == [world.issuer.url]


def test_a_wrong_token_is_refused_with_the_reason(world: World) -> None:
    token = world.issuer.token(world.analytics.url)
    answer = post(world.listings, {"jsonrpc": "2.0", "id": 1, "method": "ping"}, token=token)
    assert answer.status == 401
    assert 'error="invalid_token"' in answer.challenge
    assert "resource_metadata=" in answer.challenge
    assert answer.body["error"]["message"] == "The token is meant for another service."


def test_seeing_the_tools_and_calling_them_are_two_scopes(world: World) -> None:
    service = world.listings
    token = service.issuer.token(service.url, scope="tools:list")
    listing = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    assert post(service, listing, token=token).status == 200
    call = {**listing, "method": "tools/call", "params": {"name": "findListings"}}
    answer = post(service, call, token=token)
    assert answer.status == 403
    assert 'error="insufficient_scope", scope="tools:call"' in answer.challenge
    neither = service.issuer.token(service.url, scope="outbox:read")
    assert post(service, listing, token=neither).status == 403


def test_a_call_repeated_under_its_key_is_made_once(world: World) -> None:
    call = {"name": "sendListingReport", "arguments": REPORT}
    first = old(world.listings, "tools/call", call, Idempotency_Key="k").body["result"]
    again = modern(world.listings, "tools/call", call, Idempotency_Key="k").body["result"]
    assert again["structuredContent"] == first["structuredContent"]
    assert len(world.listings.get("/outbox").body["messages"]) == 1


def test_a_call_is_logged_with_what_it_came_to(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    old(world.listings, "tools/call", {"name": "findListings"})
    old(world.listings, "tools/call", {"name": "findListings", "arguments": {"maxPrice": 0}})
    lines = [line for line in caplog.messages if "tool=" in line]
    assert [line.rpartition(" ")[0] for line in lines] == [
        "listings tool=findListings user=alice status=200",
        "listings tool=findListings user=alice status=422",
    ]
