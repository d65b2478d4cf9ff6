"""A token lets its holder do what its scopes name, and no more."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from tests.tool_services.support.services import JSON, Answer, Service
from tool_services.framework.argument_digest import argument_digest

LETTER = {"notes": ["first"], "recipientEmail": "ann@example.com"}


def call_by(path: str, notes: Service, tool: str, arguments: Any, token: str) -> Answer:
    params = {"name": tool, "arguments": arguments}
    if path == "/mcp":
        params = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    return notes.request("POST", path, token, json=params, headers=JSON)


def letters(notes: Service) -> Any:
    return notes.request("GET", "/outbox", notes.token()).body["messages"]


def test_each_tool_names_the_scope_that_it_needs(notes: Service) -> None:
    tools = notes.request("GET", "/tools").body["tools"]
    scopes = {tool["name"]: tool["_meta"]["homestream/scope"] for tool in tools}
    assert scopes["findNotes"] == "notes:read"
    assert scopes["sendNotes"] == "notes:send"
    metadata = notes.request("GET", "/.well-known/oauth-protected-resource").body
    assert {*scopes.values()} < {*metadata["scopes_supported"]}


@pytest.mark.parametrize("path", ["/tools/call", "/mcp"])
@pytest.mark.parametrize(
    ("scope", "tool", "needed"),
    [
        ("tools:call notes:read", "sendNotes", "notes:send"),
        ("tools:call notes:write", "sendNotes", "notes:send"),
        ("tools:call", "sendNotes", "notes:send"),
        ("tools:call notes:send", "findNotes", "notes:read"),
        ("tools:call tools:preview", "findNotes", "notes:read"),
    ],
)
def test_a_call_without_the_tools_scope_is_refused_with_the_scope_it_needs(
    notes: Service, path: str, scope: str, tool: str, needed: str
) -> None:
    arguments = LETTER if tool == "sendNotes" else {}
    answer = call_by(path, notes, tool, arguments, notes.token(scope=scope))
    assert answer.status == 403
    assert answer.message == f"The token lacks the scope {needed}."
    assert f'error="insufficient_scope", scope="{needed}"' in answer.challenge
    assert letters(notes) == []


@pytest.mark.parametrize("path", ["/tools/call", "/mcp"])
def test_a_token_of_the_version_before_still_reads(notes: Service, path: str) -> None:
    answer = call_by(path, notes, "findNotes", {}, notes.token(scope="tools:call"))
    assert (answer.status, "result" in answer.body) == (200, True)


def test_tools_are_listed_and_previewed_without_the_scope_to_call_them(notes: Service) -> None:
    to_list = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    may_list = notes.token(scope="tools:list")
    listed = notes.request("POST", "/mcp", may_list, json=to_list, headers=JSON)
    assert "sendNotes" in [tool["name"] for tool in listed.result["tools"]]
    may_preview = notes.token(scope="tools:call tools:preview")
    preview = {"name": "sendNotes", "arguments": LETTER}
    shown = notes.request("POST", "/tools/preview", may_preview, json=preview)
    assert (shown.status, letters(notes)) == (200, [])


@pytest.mark.parametrize("path", ["/tools/call", "/mcp"])
@pytest.mark.parametrize(
    "changed",
    [
        {"recipientEmail": "mallory@example.com"},
        {"notes": ["first", "second"]},
        {"bcc": "mallory@example.com"},
    ],
)
def test_a_stolen_token_sends_nothing_but_what_it_was_minted_for(
    notes: Service, path: str, changed: dict[str, Any]
) -> None:
    token = notes.call_token("sendNotes", LETTER)
    answer = call_by(path, notes, "sendNotes", LETTER | changed, token)
    assert answer.status == 403
    assert answer.message == "The token is not for this call with these arguments."
    assert 'error="insufficient_scope"' in answer.challenge
    assert letters(notes) == []


def test_a_token_without_a_digest_sends_nothing(notes: Service) -> None:
    token = notes.token(scope="tools:call notes:send")
    assert call_by("/mcp", notes, "sendNotes", LETTER, token).status == 403
    assert letters(notes) == []


def test_a_token_repeats_its_own_call_and_makes_no_second_one(notes: Service) -> None:
    token = notes.call_token("sendNotes", LETTER, call="call-1")
    for key, status in (("call-1", 200), ("call-1", 200), ("call-2", 403), (None, 403)):
        assert notes.call("sendNotes", LETTER, token=token, key=key).status == status
    assert len(letters(notes)) == 1


def test_the_digest_is_of_the_values_however_they_are_written(notes: Service) -> None:
    token = notes.call_token("sendNotes", LETTER)
    body = '{"name": "sendNotes", "arguments": {"recipientEmail":"\\u0061nn@example.com", '
    body += '"notes" : [ "first" ]}}'
    assert notes.request("POST", "/tools/call", token, data=body).status == 200


def test_the_digest_is_the_one_that_the_contract_names() -> None:
    text = '{"a":"é","b":[1,0.5,true,null],"c":3}'
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert argument_digest({"c": 3.0, "b": [1, 0.5, True, None], "a": "é"}) == digest
