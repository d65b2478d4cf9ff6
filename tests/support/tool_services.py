"""Tool services of the tests' own, over real HTTP: one that waits, one that misbehaves as told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import gevent
import jwt
from flask import Flask, Response, request
from gevent.event import Event

from tests.support.product import Served

ANYTHING = {"type": "object"}


class Blocks(list[dict[str, Any]]):
    """What a tool answers that gives content and no structure, with what its `_meta` says."""

    meta: dict[str, Any] | None = None


class ToolService:
    """A server with the given tools, of the stateless revision; `calls` records each call's user,
    key and arguments, `listed` how often it was asked for its tools, which may be kept for
    `ttl_ms`. A tool that returns a Response has that sent as it is."""

    ttl_ms = 0

    def __init__(self, **tools: Callable[[dict[str, Any]], Any]) -> None:
        self.calls: list[dict[str, Any]] = []
        self.listed = 0
        self._tools = tools
        # By a tool's name.
        self.schema: Callable[[str], dict[str, Any]] = lambda _name: ANYTHING
        self.told: Callable[[str], dict[str, Any]] = lambda _name: {"description": "A tool."}
        self.annotations: Callable[[str], dict[str, Any]] = lambda _name: {"readOnlyHint": True}
        self.served = Served()
        self.url = self.served.url
        self.app = Flask("service")
        self.app.get("/health", endpoint="health")(lambda: {"status": "ok"})
        self.app.post("/mcp", endpoint="mcp")(self._mcp)

    def _mcp(self) -> Any:
        message = request.get_json()
        answers: dict[str, Callable[[], Any]] = {
            "server/discover": self.discovered,
            "tools/list": self.list,
            "tools/call": lambda: self._call(message["params"]),
        }
        answer = answers[message["method"]]()
        if isinstance(answer, Response):
            return answer
        result = {"resultType": "complete", "cacheScope": "public", "ttlMs": self.ttl_ms} | answer
        return {"jsonrpc": "2.0", "id": message["id"], "result": result}

    def discovered(self) -> Any:
        return {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}}

    def list(self) -> Any:
        self.listed += 1
        return {
            "tools": [
                {
                    "name": name,
                    **self.told(name),
                    "inputSchema": self.schema(name),
                    "annotations": self.annotations(name),
                }
                for name in self._tools
            ]
        }

    def _call(self, params: dict[str, Any]) -> Any:
        claims = {"sub": None}
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token.count(".") == 2:
            claims = jwt.decode(token, options={"verify_signature": False})
        seen = {"user": claims["sub"], "key": request.headers["Idempotency-Key"]}
        self.calls.append(seen | params["arguments"])
        answer = self._tools[params["name"]](params["arguments"])
        if isinstance(answer, Response):
            return answer
        if isinstance(answer, Blocks):
            return {"content": answer} | ({"_meta": answer.meta} if answer.meta else {})
        return {"content": [], "structuredContent": answer}

    def __enter__(self) -> Self:
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
