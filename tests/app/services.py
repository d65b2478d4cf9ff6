"""Tool services of the tests' own, over real HTTP: one that waits, one that misbehaves as told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent
import jwt
from flask import Flask, Response, request
from gevent.event import Event

from tests.product import Served

ANYTHING = {"type": "object"}


class ToolService:
    """A service with the given tools; `calls` records each call's user, audience and arguments,
    `listed` how often it was asked for its tools."""

    def __init__(self, **tools: Callable[[dict[str, Any]], Any]) -> None:
        self.calls: list[dict[str, Any]] = []
        self.listed = 0
        self._tools = tools
        self.served = Served()
        self.url = self.served.url
        self.app = Flask("service")
        self.app.get("/info", endpoint="info")(lambda: {"name": "service"})
        self.app.get("/tools", endpoint="tools")(self._list)
        self.app.post("/tools/call", endpoint="call")(self._call)

    def _list(self) -> dict[str, Any]:
        self.listed += 1
        return {
            "tools": [
                {"name": name, "description": "A tool.", "inputSchema": self.schema(name)}
                for name in self._tools
            ]
        }

    def schema(self, _name: str) -> dict[str, Any]:
        return ANYTHING

    def _call(self) -> Any:
        body = request.get_json()
        token = request.headers["Authorization"].removeprefix("Bearer ")
        claims = jwt.decode(token, options={"verify_signature": False})
        seen = {"user": claims["sub"], "key": request.headers["Idempotency-Key"]}
        self.calls.append(seen | body["arguments"])
        answer = self._tools[body["name"]](body["arguments"])
        return answer if isinstance(answer, Response) else {"result": answer}

    def __enter__(self) -> ToolService:
        self.served.begin(self.app)
        return self

    def __exit__(self, *_: object) -> None:
        self.served.stop()


class WaitingService(ToolService):
    """Its one tool, `wait`, waits until the test is over; `waiting` counts who does."""

    def __init__(self) -> None:
        super().__init__(wait=self._wait)
        self.waiting = 0
        self._over = Event()

    def _wait(self, _arguments: dict[str, Any]) -> str:
        self.waiting += 1
        self._over.wait(10)
        return "waited"

    def release(self) -> None:
        self._over.set()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        gevent.sleep(0)
        super().__exit__()
