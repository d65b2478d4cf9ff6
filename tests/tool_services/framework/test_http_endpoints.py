"""What anyone may ask a service, and what a call by plain HTTP is answered with."""

from __future__ import annotations

import pytest
from jsonschema_rs import Draft202012Validator, meta

from tests.tool_services.support.services import Answer, Service
from tool_services.framework.app_factory import MAX_REQUEST_BYTES


def send(notes: Service, body: bytes | str) -> Answer:
    return notes.request("POST", "/tools/call", notes.token(), data=body)


def test_anyone_may_ask_for_health(notes: Service) -> None:
    answer = notes.request("GET", "/health")
    assert (answer.status, answer.body) == (200, {"status": "ok", "service": "notes"})


def test_anyone_may_ask_what_the_service_is(notes: Service) -> None:
    info = notes.request("GET", "/info").body
    assert (info["name"], info["audience"]) == ("notes", notes.audience)
    assert info["tools"] == ["findNotes", "addNote", "greet", "breakDown", "sendNotes"]
    assert info["capabilities"] == {"outbox": True}


def test_anyone_may_see_the_tools_with_schemas_and_hints(notes: Service) -> None:
    tools = notes.request("GET", "/tools").body["tools"]
    assert [tool["title"] for tool in tools][:2] == ["Find notes", "Add a note"]
    assert [tool["annotations"]["readOnlyHint"] for tool in tools][:2] == [True, False]
    for tool in tools:
        meta.validate(tool["inputSchema"])
        meta.validate(tool["outputSchema"])
        assert tool["inputSchema"]["additionalProperties"] is False


def test_a_result_is_what_its_schema_says(notes: Service) -> None:
    [schema, *_] = [tool["outputSchema"] for tool in notes.request("GET", "/tools").body["tools"]]
    result = notes.call("findNotes", {"text": "first"}).result
    assert result == {"notes": ["first"], "writtenFor": ""}
    Draft202012Validator(schema).validate(result)


@pytest.mark.parametrize("body", ["", "{", "[]", '"findNotes"', "{}", '{"name": 1}'])
def test_a_body_that_calls_no_tool_is_a_bad_request(notes: Service, body: str) -> None:
    answer = send(notes, body)
    assert (answer.status, answer.code) == (400, "invalid_request")


def test_arguments_may_be_left_out(notes: Service) -> None:
    assert send(notes, '{"name": "findNotes"}').result["notes"] == ["first", "second"]


def test_an_unknown_tool_is_answered_with_the_names_of_the_tools(notes: Service) -> None:
    answer = notes.call("noSuchTool", {})
    assert (answer.status, answer.code) == (404, "unknown_tool")
    assert "findNotes, addNote" in answer.message


def test_a_call_knows_its_user_and_its_idempotency_key(notes: Service) -> None:
    result = notes.call("addNote", {"noteText": "third"}, user="bob", key="call-1").result
    assert result["writtenFor"] == "bob call-1"


@pytest.mark.parametrize("key", ["", "k" * 201])
def test_an_idempotency_key_has_a_sensible_length(notes: Service, key: str) -> None:
    answer = notes.call("findNotes", {}, key=key)
    assert (answer.status, answer.code) == (400, "invalid_request")


def test_a_preview_shows_what_a_call_would_do_and_does_nothing(notes: Service) -> None:
    [block] = notes.preview("addNote", {"noteText": "third"}).body["content"]
    assert block["resource"]["text"] == "<p>third</p>"
    assert block["annotations"] == {"audience": ["user"]}
    assert notes.call("findNotes", {}).result["notes"] == ["first", "second"]
    assert notes.preview("findNotes", {}).body == {"content": []}


def test_a_preview_needs_a_token_and_arguments_that_fit(notes: Service) -> None:
    assert notes.request("POST", "/tools/preview", json={"name": "addNote"}).status == 401
    assert notes.preview("addNote", {}).message == "missing: noteText."


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/tools/call", 405, "method_not_allowed"),
        ("OPTIONS", "/tools/call", 405, "method_not_allowed"),
    ],
)
def test_a_wrong_address_is_answered_in_json(
    notes: Service, method: str, path: str, status: int, code: str
) -> None:
    answer = notes.request(method, path)
    assert (answer.status, answer.code) == (status, code)
    assert ("POST" in answer.headers.get("Allow", "")) == (status == 405)


def test_a_body_that_is_too_large_is_answered_in_json(notes: Service) -> None:
    answer = send(notes, b" " * (MAX_REQUEST_BYTES + 1))
    assert (answer.status, answer.code) == (413, "request_entity_too_large")


def test_no_cache_on_the_way_keeps_an_answer(notes: Service) -> None:
    assert notes.call("findNotes", {}).headers["Cache-Control"] == "no-store"


def test_a_service_whose_tables_are_gone_says_so(notes: Service) -> None:
    with notes.app.app_context():
        notes.database.drop_all()
    health = notes.request("GET", "/health")
    assert (health.status, health.body["status"]) == (503, "error")


@pytest.mark.parametrize("path", ["/tools/call", "/mcp"])
def test_an_unexpected_error_is_logged_and_answered_without_details(
    notes: Service, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    if path == "/mcp":
        params = {"name": "breakDown"}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    else:
        body = {"name": "breakDown"}
    answer = notes.request("POST", path, notes.token(), json=body)
    assert answer.status == (200 if path == "/mcp" else 500)
    assert "logged" in answer.message
    assert "inside" not in str(answer.body)
    assert "RuntimeError: the inside of the service" in caplog.text
    assert f"POST {path}" in caplog.text
