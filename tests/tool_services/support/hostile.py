"""Requests that no well-behaved client sends, for every route of a service."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.tool_services.support.services import Service

SURROGATE = r"\ud800"
METHODS = ("GET", "POST", "OPTIONS", "PUT", "TRACE")
BODIES = {
    "nested 100,000 deep": b"[" * 100_000,
    "nested 20,000 deep": b'{"name":' + b"[" * 20_000,
    "a surrogate as name": f'{{"name": "{SURROGATE}"}}'.encode(),
    "a surrogate as key": f'{{"{SURROGATE}": 1}}'.encode(),
    "a surrogate in the params": (
        f'{{"jsonrpc": "2.0", "id": "{SURROGATE}", "method": "tools/call",'
        f' "params": {{"name": "{SURROGATE}"}}}}'
    ).encode(),
    "bytes that are not UTF-8": b'{"name": "\xff\xfe"}',
    "NaN": b'{"name": NaN}',
    "NUL": b'{"name": "\\u0000", "method": "\\u0000", "id": 1, "jsonrpc": "2.0"}',
    "a long number": b'{"name": 1' + b"0" * 5_000 + b"}",
    "nothing": b"",
}
HEADERS = {
    "an odd origin": {"Origin": "http://["},
    "an odd content type": {"Content-Type": 'application/json; charset="\\'},
    "an odd Accept": {"Accept": ";q=x,*/*;q=nan"},
    "an odd key": {"Idempotency-Key": "\xff\x01"},
    "an odd protocol version": {"MCP-Protocol-Version": "\xff"},
    "an odd length": {"Range": "bytes=-9-9", "If-Match": '"', "Cookie": "\xff=;;"},
}
QUERIES = ("ids=%ff", "ids=%00", "ids=%ed%a0%80", "area=%00", "area=%ff%0aOR", "area=%ed%a0%80")


def nested_token(audience: str) -> str:
    """A token whose header is nested so deeply that Python's JSON parser gives up on it."""
    header = base64.urlsafe_b64encode(b'{"alg":' + b"[" * 4_000).rstrip(b"=").decode()
    return f"{header}.{header}.{header}"


def hostile_requests(service: Service) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield (method, path, options) for every route, each with a valid token unless it says."""
    json_type = {"Content-Type": "application/json"}
    for rule in service.app.url_map.iter_rules():
        for method in METHODS:
            yield method, rule.rule, {}
        for body in BODIES.values():
            yield "POST", rule.rule, {"data": body, "headers": json_type}
        for headers in HEADERS.values():
            for method in ("GET", "POST"):
                yield method, rule.rule, {"data": b"{}", "headers": json_type | headers}
        for query in QUERIES:
            yield "GET", f"{rule.rule}?{query}", {}
        yield "GET", f"{rule.rule}%0a2026-01-01 ERROR forged", {}
        yield "POST", rule.rule, {"token": nested_token(service.audience)}
        yield "POST", rule.rule, {"token": "\xff.\x01."}


def assert_all_refused_politely(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    """No hostile request is answered with 5xx, without a sentence, or by a traceback.

    None forges a line of the log.
    """
    client = service.app.test_client()
    scopes = " ".join(("tools:call", "tools:list", "outbox:read", *sorted(service.scopes())))
    valid = service.token(scope=scopes)
    for method, path, options in hostile_requests(service):
        token = options.pop("token", valid)
        headers = {"Authorization": f"Bearer {token}", **options.pop("headers", {})}
        response = client.open(path, method=method, headers=headers, **options)
        seen = (method, path, options, response.status_code, response.text[:300])
        assert response.status_code < 500, seen
        if response.status_code >= 400 and method != "HEAD":
            assert json.loads(response.data)["error"]["message"].endswith("."), seen
    assert [record for record in caplog.records if record.exc_info] == []
    assert [line for line in caplog.messages if "\n" in line or "forged" in line] == []
