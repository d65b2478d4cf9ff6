from __future__ import annotations

import logging
from pathlib import Path

import gevent
import pytest
import requests
from jsonschema import Draft202012Validator

from tests.tool_services.conftest import Answer, World, dispose, start_server, url_of
from tests.tool_services.support.issuer import Issuer
from tool_services.framework.app_factory import LARGEST_REQUEST_BYTES, ServiceInfo, make_service
from tool_services.framework.settings import Settings
from tool_services.framework.tokens import Caller, TokenVerifier
from tool_services.framework.tools import JsonObject, Tool, ToolResult, arguments_schema, reading
from tool_services.listings.models import db


def send(world: World, body: bytes | str) -> Answer:
    token = world.issuer.token(world.listings.url)
    return world.listings.request("POST", "/tools/call", token, data=body)


def test_anybody_may_ask_for_health(world: World) -> None:
    answer = world.listings.request("GET", "/health")
    assert (answer.status, answer.body) == (200, {"status": "ok", "service": "listings"})


def test_a_service_without_its_database_says_so(world: World) -> None:
    file = world.settings.instance_dir / "listings.db"
    dispose(db, world.listings.app)
    file.rename(file.with_suffix(".away"))
    file.mkdir()
    health = world.listings.request("GET", "/health")
    call = world.listings.call("findListings", {})
    assert (health.status, health.body["status"]) == (503, "error")
    assert (call.status, call.code) == (503, "database_unavailable")
    assert int(call.headers["Retry-After"]) > 0


def test_anybody_may_ask_what_the_service_is(world: World) -> None:
    info = world.listings.request("GET", "/info").body
    assert info["name"] == "listings"
    assert info["audience"] == world.listings.url
    assert info["tools"] == ["findListings", "sendListingReport"]
    assert info["capabilities"] == {"outbox": True}
    assert world.analytics.request("GET", "/info").body["tools"] == [
        "getListingMetrics",
        "getMarketAnalysis",
        "generatePerformanceReport",
    ]


def test_anybody_may_see_the_tools_with_schemas_and_hints(world: World) -> None:
    tools = world.listings.request("GET", "/tools").body["tools"]
    assert [sorted(tool) for tool in tools] == [
        ["annotations", "description", "inputSchema", "name", "outputSchema", "title"]
    ] * 2
    assert [tool["title"] for tool in tools] == ["Find listings", "Send a listing report"]
    assert [tool["annotations"]["readOnlyHint"] for tool in tools] == [True, False]
    assert tools[1]["annotations"] == {
        "title": "Send a listing report",
        "readOnlyHint": False,
        "idempotentHint": True,
        "destructiveHint": False,
        "openWorldHint": True,
    }
    assert all(tool["inputSchema"]["additionalProperties"] is False for tool in tools)


CALLS = {
    "findListings": {"city": "Portland"},
    "sendListingReport": {"listingIds": ["L001", "L003"], "recipientEmail": "ann@example.com"},
    "getListingMetrics": {"listingIds": ["L001"]},
    "getMarketAnalysis": {"area": "Portland"},
    "generatePerformanceReport": {"listingIds": ["L001", "L002"]},
}


@pytest.mark.parametrize("name", CALLS)
def test_a_result_is_what_its_schema_says(world: World, name: str) -> None:
    for service in (world.listings, world.analytics):
        for tool in service.request("GET", "/tools").body["tools"]:
            if tool["name"] == name:
                result = service.call(name, CALLS[name]).result
                Draft202012Validator.check_schema(tool["outputSchema"])
                Draft202012Validator(tool["outputSchema"]).validate(result)
                named = tool["outputSchema"]["properties"]
                assert result.keys() == named.keys()
                return
    raise AssertionError(f"no service has {name}")


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        '"findListings"',
        "{}",
        '{"name": 1}',
        '{"name": "findListings", "arguments": {"maxPrice": NaN}}',
        '{"name": "findListings", "arguments": {"city": "\\ud800"}}',
        "[" * 5000,
        b"\xff\xfe",
    ],
)
def test_a_body_that_calls_no_tool_is_a_bad_request(world: World, body: bytes | str) -> None:
    answer = send(world, body)
    assert (answer.status, answer.code) == (400, "invalid_request")


def test_arguments_may_be_left_out(world: World) -> None:
    assert send(world, '{"name": "findListings"}').result["total"] == 20


def test_arguments_that_are_no_object_are_refused(world: World) -> None:
    answer = world.listings.call("findListings", ["Portland"])
    assert (answer.status, answer.code) == (422, "invalid_arguments")
    assert answer.message == 'arguments must be an object, not ["Portland"].'


def test_an_unknown_tool_is_answered_with_those_there_are(world: World) -> None:
    answer = world.listings.call("getMarketAnalysis", {"area": "Portland"})
    assert (answer.status, answer.code) == (404, "unknown_tool")
    assert answer.message == (
        "There is no tool 'getMarketAnalysis'; the tools are findListings, sendListingReport."
    )


def test_a_number_too_large_for_any_price_is_refused(world: World) -> None:
    answer = send(world, '{"name": "findListings", "arguments": {"maxPrice": 1e999}}')
    assert answer.status in {400, 422}


@pytest.mark.parametrize("key", ["", "k" * 201])
def test_an_idempotency_key_has_a_sensible_length(world: World, key: str) -> None:
    answer = world.listings.call("findListings", {}, key=key)
    assert (answer.status, answer.code) == (400, "invalid_request")


def test_a_page_that_is_not_there_is_answered_in_json(world: World) -> None:
    answer = world.listings.request("GET", "/nowhere")
    assert (answer.status, answer.code) == (404, "not_found")
    assert answer.message.startswith("There is nothing at /nowhere;")


def test_a_wrong_method_is_answered_in_json(world: World) -> None:
    answer = world.listings.request("GET", "/tools/call")
    assert (answer.status, answer.code) == (405, "method_not_allowed")
    assert "POST" in answer.headers["Allow"]


def test_a_body_that_is_too_large_is_answered_in_json(world: World) -> None:
    answer = send(world, b" " * (LARGEST_REQUEST_BYTES + 1))
    assert (answer.status, answer.code) == (413, "request_entity_too_large")


def test_answers_are_kept_by_nobody_on_the_way(world: World) -> None:
    assert world.listings.call("findListings", {}).headers["Cache-Control"] == "no-store"


class Nothing(ToolResult):
    pass


def broken_handler(_arguments: JsonObject, _caller: Caller) -> Nothing:
    raise RuntimeError("the inside of the service")


def test_an_unexpected_error_is_logged_and_told_without_details(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    issuer_server = start_server()
    issuer = Issuer(url=url_of(issuer_server))
    issuer_server.application = issuer.app()
    settings = Settings.model_validate({"app_url": issuer.url})
    schema = arguments_schema({})
    tool = Tool("breakDown", "Breaks.", schema, Nothing, reading("Break"), broken_handler)
    app = make_service(
        ServiceInfo("broken", __name__, "Breaks.", "http://broken"),
        [tool],
        verifier=TokenVerifier.for_service(settings, "http://broken"),
        check_database=lambda: None,
        instance_dir=tmp_path,
    )
    server = start_server(app)
    answer = requests.post(
        url_of(server) + "/tools/call",
        json={"name": "breakDown"},
        headers={"Authorization": f"Bearer {issuer.token('http://broken')}"},
    )
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "internal_error"
    assert "inside" not in answer.text
    assert "RuntimeError: the inside of the service" in caplog.text
    server.stop()
    issuer_server.stop()


def test_each_call_is_logged_with_tool_user_and_status_but_no_secrets(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    token = world.issuer.token(world.listings.url, "bob")
    world.listings.call("findListings", {"city": "Portland"}, token=token)
    world.listings.call("noSuchTool", {}, token=token)
    world.listings.call("findListings", {}, token="forged")
    lines = [record.getMessage() for record in caplog.records if "tool=" in record.getMessage()]
    assert [line.rpartition(" ")[0] for line in lines] == [
        "listings tool=findListings user=bob status=200",
        "listings tool=- user=bob status=404",
        "listings tool=- user=- status=401",
    ]
    assert all(record.levelno == logging.INFO for record in caplog.records)
    assert token not in caplog.text
    assert "Portland" not in caplog.text


def test_many_users_at_once_each_keep_to_their_own(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    users = [f"user-{number}" for number in range(20)]

    def work(user: str) -> None:
        arguments = {"listingIds": ["L001"], "recipientEmail": f"{user}@example.com"}
        assert world.listings.call("sendListingReport", arguments, user=user).status == 200
        report = world.analytics.call(
            "generatePerformanceReport", {"listingIds": ["L002"]}, user=user
        )
        assert report.status == 200

    gevent.joinall([gevent.spawn(work, user) for user in users], raise_error=True)
    for user in users:
        messages = world.listings.get("/outbox", user).body["messages"]
        assert [message["recipient"] for message in messages] == [f"{user}@example.com"]
    for tool in ("sendListingReport", "generatePerformanceReport"):
        logged = [line for line in caplog.messages if f"tool={tool}" in line]
        assert sorted(line.split("user=")[1].split()[0] for line in logged) == sorted(users)
