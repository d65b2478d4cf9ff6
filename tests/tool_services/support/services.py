"""A tool service on real HTTP, and what a client of it does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from gevent import socket
from gevent.pywsgi import WSGIServer

from tests.tool_services.support.issuer import Issuer
from tool_services.framework.argument_digest import argument_digest

JSON = {"Content-Type": "application/json", "Accept": "application/json"}


def start_server(app: Any = None) -> WSGIServer:
    server = WSGIServer(("127.0.0.1", 0), app, log=None, error_log=None)
    server.start()
    # As gunicorn does. Else a body waits 40 ms behind its head on each connection kept alive.
    server.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return server


def url_of(server: WSGIServer) -> str:
    return f"http://127.0.0.1:{server.server_port}"


@contextmanager
def running_issuer() -> Iterator[Issuer]:
    server = start_server()
    issuer = Issuer(url=url_of(server))
    server.application = issuer.app()
    yield issuer
    server.stop()


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


@dataclass
class Service:
    """A running service. `audience` is the URL that its tokens must carry."""

    create_app: Callable[[Any], Flask]
    database: SQLAlchemy
    settings: Any
    audience: str
    issuer: Issuer
    server: WSGIServer
    app: Flask

    @property
    def url(self) -> str:
        return url_of(self.server)

    def restart(self, **changed: Any) -> None:
        """Start again on the same database, with other settings if given."""
        self.close_database()
        self.settings = self.settings.model_copy(update=changed)
        self.server.application = self.app = self.create_app(self.settings)

    def close_database(self) -> None:
        with self.app.app_context():
            self.database.engine.dispose()

    @contextmanager
    def twin(self) -> Iterator[Service]:
        """A second process of the same service, as far as the database can tell."""
        with running(self.create_app, self.database, self.issuer, self.audience) as (twin, start):
            start(self.settings)
            yield twin

    def token(self, user: str = "alice", **claims: Any) -> str:
        """A token for whatever only reads, or with the claims that the test names."""
        reads = "tools:call outbox:read", *sorted(self.scopes(read_only=True))
        return self.issuer.token(self.audience, user, **{"scope": " ".join(reads)} | claims)

    def call_token(
        self,
        tool: str,
        arguments: Any,
        user: str = "alice",
        call: str | None = None,
        **claims: Any,
    ) -> str:
        """A token for this call, as the app mints it for a tool that doesn't only read."""
        scopes = "tools:call", *sorted(self.scopes(tool=tool))
        args = argument_digest(arguments)
        given = {"args": args, "call": call, "email_verified": True} | claims
        return self.token(user, scope=" ".join(scopes), **given)

    def scopes(self, tool: str | None = None, read_only: bool | None = None) -> set[str]:
        """What the tools need: that of one name, those that read, or all."""
        answer: Any = self.app.test_client().get("/tools").json
        return {
            scope
            for described in answer["tools"]
            if tool in (None, described["name"])
            and read_only in (None, described["annotations"]["readOnlyHint"])
            for scope in described["_meta"]["homestream/scope"].split()
        }

    def request(self, method: str, path: str, token: str | None = None, **options: Any) -> Answer:
        headers = options.pop("headers", {})
        if token is not None:
            headers = {"Authorization": f"Bearer {token}", **headers}
        answer = requests.request(
            method, self.url + path, headers=headers, timeout=30, allow_redirects=False, **options
        )
        return Answer(answer.status_code, answer.json(), answer.headers)

    def get(self, path: str, user: str = "alice") -> Answer:
        return self.request("GET", path, self.token(user))

    def call(
        self,
        tool: str,
        arguments: Any,
        *,
        user: str = "alice",
        token: str | None = None,
        key: str | None = None,
    ) -> Answer:
        headers = {} if key is None else {"Idempotency-Key": key}
        body = {"name": tool, "arguments": arguments}
        token = token or self.call_token(tool, arguments, user, key)
        return self.request("POST", "/tools/call", token, json=body, headers=headers)

    def preview(self, tool: str, arguments: Any) -> Answer:
        body = {"name": tool, "arguments": arguments}
        return self.request("POST", "/tools/preview", self.token(), json=body)

    def mcp_result(self, tool: str, arguments: Any) -> Any:
        """The result of a call by the Model Context Protocol."""
        params = {"name": tool, "arguments": arguments}
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        token = self.call_token(tool, arguments)
        return self.request("POST", "/mcp", token, json=message, headers=JSON).result


@contextmanager
def running(
    create_app: Callable[[Any], Flask], database: SQLAlchemy, issuer: Issuer, audience: str = ""
) -> Iterator[tuple[Service, Callable[[Any], None]]]:
    """A service, and the function that starts it with its settings, once its URL is known."""
    server = start_server()
    audience = audience or url_of(server)
    service = Service(create_app, database, None, audience, issuer, server, Flask(__name__))

    def start(settings: Any) -> None:
        service.settings = settings
        server.application = service.app = create_app(settings)

    yield service, start
    server.stop()
    if service.settings is not None:
        service.close_database()
