"""Both tool services and their issuer on real HTTP, each test with databases of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask
from gevent.pywsgi import WSGIServer

from tests.support.engines import Engines
from tests.support.seeded_databases import copy_samples
from tests.tool_services.support.issuer import Issuer
from tool_services import analytics, listings
from tool_services.analytics.models import db as analytics_db
from tool_services.framework.settings import Settings
from tool_services.listings.models import db as listings_db


def start_server(app: Any = None) -> WSGIServer:
    server = WSGIServer(("127.0.0.1", 0), app, log=None, error_log=None)
    server.start()
    return server


def url_of(server: WSGIServer) -> str:
    return f"http://127.0.0.1:{server.server_port}"


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    headers: Any

    @property
    def result(self) -> Any:
        assert self.status == 200, self.body
        return self.body["result"]

    @property
    def code(self) -> str:
        return str(self.body["error"]["code"])

    @property
    def message(self) -> str:
        return str(self.body["error"]["message"])

    @property
    def challenge(self) -> str:
        return str(self.headers.get("WWW-Authenticate"))


@dataclass(frozen=True)
class Service:
    """One running service, and what a client of it does."""

    url: str
    app: Flask
    server: WSGIServer
    issuer: Issuer

    def request(self, method: str, path: str, token: str | None = None, **options: Any) -> Answer:
        headers = options.pop("headers", {})
        if token is not None:
            headers = {"Authorization": f"Bearer {token}", **headers}
        answer = requests.request(
            method, self.url + path, headers=headers, timeout=30, allow_redirects=False, **options
        )
        return Answer(answer.status_code, answer.json(), answer.headers)

    def raw(self, body: Any, headers: dict[str, str]) -> requests.Response:
        """The response to a message, whatever it holds."""
        return requests.post(f"{self.url}/mcp", json=body, headers=headers, timeout=30)

    def get(self, path: str, user: str = "alice") -> Answer:
        return self.request("GET", path, self.issuer.token(self.url, user))

    def call(
        self,
        tool: str,
        arguments: Any,
        *,
        user: str = "alice",
        token: str | None = None,
        key: str | None = None,
    ) -> Answer:
        token = token or self.issuer.token(self.url, user)
        headers = {} if key is None else {"Idempotency-Key": key}
        body = {"name": tool, "arguments": arguments}
        return self.request("POST", "/tools/call", token, json=body, headers=headers)


@dataclass(frozen=True)
class World:
    issuer: Issuer
    listings: Service
    analytics: Service
    settings: Settings


@pytest.fixture
def world(tmp_path: Path, engines: Engines | None) -> Iterator[World]:
    servers = [start_server(), start_server(), start_server()]
    app_url, listings_url, analytics_url = map(url_of, servers)
    issuer = Issuer(url=app_url)
    settings = Settings.model_validate(
        {
            "app_url": app_url,
            "listings_url": listings_url,
            "analytics_url": analytics_url,
            "instance_dir": tmp_path / "instance",
            "tool_timeout": 2,
            **(engines.fresh_services() if engines else {}),
        }
    )
    copy_samples(settings.instance_dir)
    apps = [issuer.app(), listings.create_app(settings), analytics.create_app(settings)]
    for server, app in zip(servers, apps, strict=True):
        server.application = app
    yield World(
        issuer,
        Service(listings_url, apps[1], servers[1], issuer),
        Service(analytics_url, apps[2], servers[2], issuer),
        settings,
    )
    for server in servers:
        server.stop()
    dispose(listings_db, apps[1])
    dispose(analytics_db, apps[2])


def dispose(database: Any, app: Flask) -> None:
    with app.app_context():
        database.engine.dispose()
