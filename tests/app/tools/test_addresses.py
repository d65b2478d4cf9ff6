"""Where another party's server may be: not in the private network that this machine can reach."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest
import requests
from flask import Flask, jsonify

from app.config import Settings
from app.errors import ToolFailure
from app.tools.untrusted.addresses import AddressRules
from app.tools.untrusted.responses import post
from tests.support.product import Product, Served
from tests.support.tool_services import ToolService

Start = Callable[..., Product]

PRIVATE = (
    *("127.0.0.1", "127.8.9.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "0.0.0.0"),  # noqa: S104
    *("169.254.1.1", "240.0.0.1", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1"),
    *("fd12::1", "fec0::1", "ff02::1", "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::10.0.0.1"),
    *("2002:0a00:0001::1", "64:ff9b:1::7f00:1"),
)
METADATA = (
    *("169.254.169.254", "::ffff:169.254.169.254", "64:ff9b::169.254.169.254", "169.254.170.2"),
    *("fd00:ec2::254", "100.100.100.200", "168.63.129.16", "2002:a9fe:a9fe::1"),
)
PUBLIC = ("93.184.215.14", "2606:2800:21f:cb07::1", "::ffff:93.184.215.14")


def at(*addresses: str) -> Callable[..., Any]:
    """A look-up that finds these addresses."""
    return lambda _host, port, **_: [(0, 0, 0, "", (address, port)) for address in addresses]


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_is_refused_unless_it_is_allowed(address: str) -> None:
    rules = AddressRules("weather", 8000, lookup=at("93.184.215.14", address))
    with pytest.raises(ToolFailure) as refused:
        rules.find("weather.example", 443)
    assert refused.value.message == (
        f"weather is not called: its address {address} is not public; if that is meant, add its"
        " name to MCP_ALLOW_PRIVATE."
    )
    allowed = AddressRules("weather", 8000, allow_private=True, lookup=at(address))
    assert allowed.find("weather.example", 443) == [address]


@pytest.mark.parametrize("address", METADATA)
@pytest.mark.parametrize("allow_private", [False, True])
def test_a_clouds_metadata_address_is_always_refused(address: str, allow_private: bool) -> None:
    rules = AddressRules("weather", 8000, allow_private, at(address))
    with pytest.raises(ToolFailure, match="credentials"):
        rules.find("weather.example", 80)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_allowed(address: str) -> None:
    assert AddressRules("weather", 8000, lookup=at(address)).find("x", 8000) == [address]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1", "2130706433", "[::1]"])
def test_the_app_itself_is_never_called(start: Start, host: str) -> None:
    """Also where the server may be on this machine."""
    rules = AddressRules("weather", 8000, allow_private=True)
    with pytest.raises(ToolFailure, match="this app itself listens"):
        rules.find(host, 8000)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1", "2130706433"])
def test_a_server_on_this_machine_is_away_unless_it_is_allowed(start: Start, host: str) -> None:
    with ToolService(act=lambda _: "done") as service:
        servers = {"near": {"url": f"http://{host}:{service.served.port}/mcp"}}
        product = start(mcp_servers=servers, mcp_allow_private=())
        near = product.services.registry.servers["near"]
        assert (near.up, near.tools, service.listed) == (False, (), 0)
        assert "is not public; if that is meant, add its name to MCP_ALLOW_PRIVATE." in near.problem
        assert near.problem in product.sign_up("Alice").get("/tools").text
    with ToolService(act=lambda _: "done") as service:
        servers = {"near": {"url": f"http://{host}:{service.served.port}/mcp"}}
        assert start(mcp_servers=servers).services.registry.servers["near"].up


@pytest.fixture
def counted() -> Any:
    """A server on this machine, and how often it was asked."""
    asked: list[str] = []
    app, served = Flask("counted"), Served()

    @app.post("/mcp")
    def mcp() -> Any:
        asked.append("asked")
        return jsonify(ok=True)

    served.begin(app)
    yield served, asked
    served.stop()


def send(url: str, rules: AddressRules) -> int:
    with post(url, {}, {}, 5, rules) as response:
        return response.status_code


def test_the_address_that_was_checked_is_the_one_that_is_called(counted: Any) -> None:
    """A name that has another address the second time gains nothing: there is no second time."""
    served, asked = counted
    looked_up: list[str] = []

    def rebinding(host: str, port: int, **options: Any) -> Any:
        looked_up.append(host)
        address = "127.0.0.1" if len(looked_up) == 1 else "127.0.0.99"
        return socket.getaddrinfo(address, port, **options)

    rules = AddressRules("weather", 8000, allow_private=True, lookup=rebinding)
    assert send(f"http://weather.example:{served.port}/mcp", rules) == 200
    assert (looked_up, asked) == (["weather.example"], ["asked"])
    with pytest.raises(requests.ConnectionError):  # nobody is there
        send(f"http://weather.example:{served.port}/mcp", rules)
    assert len(asked) == 1


def test_of_several_addresses_the_one_that_answers_is_used(counted: Any) -> None:
    served, asked = counted
    rules = AddressRules("weather", 8000, True, at("127.0.0.99", "127.0.0.1"))
    assert send(f"http://weather.example:{served.port}/mcp", rules) == 200
    assert asked == ["asked"]


def test_a_proxy_of_the_environment_is_not_asked(
    counted: Any, start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    served, asked = counted
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, served.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    rules = AddressRules("weather", 8000, lookup=at("169.254.169.254"))
    with pytest.raises(ToolFailure, match="credentials"):
        send("http://weather.example/mcp", rules)
    product = start(mcp_servers={"weather": {"url": "http://localhost:9/mcp"}})
    assert not product.services.registry.servers["weather"].up
    assert "weather is called directly: a proxy would hide its address" in caplog.text
    assert asked == []


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"mcp_allow_private": "weater"}, "MCP_ALLOW_PRIVATE names weater"),
        ({"app_url": "https://weather.example"}, "the app's own address as weather"),
    ],
)
def test_a_setting_that_cannot_be_meant_stops_the_start(
    start: Start, settings: dict[str, Any], sentence: str
) -> None:
    values = start().settings.model_dump() | settings
    servers = {"weather": {"url": "https://weather.example/mcp"}}
    with pytest.raises(ValueError, match=sentence):
        Settings(_env_file=None, **values | {"mcp_servers": servers})


def test_servers_that_may_be_private_are_names_with_commas(start: Start) -> None:
    servers = {name: {"url": "https://x.example/mcp"} for name in ("a", "b")}
    values = start().settings.model_dump() | {"mcp_servers": servers, "mcp_allow_private": "a, b"}
    assert Settings(_env_file=None, **values).mcp_allow_private == {"a", "b"}
