"""The token of a tool call lets the service do that call, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jwt
from flask import request

from tests.support.product import Product
from tests.support.scripted_model import ScriptedModel, text, tool_call
from tests.support.tool_services import ToolService

Start = Callable[..., Product]


class ScopedService(ToolService):
    """Its tool `act` names a scope; `claims` are those of the tokens that it was called with."""

    def __init__(self, scope: str | None, *, reads: bool = True) -> None:
        super().__init__(act=self._act)
        self.annotations = lambda _name: {"readOnlyHint": reads}
        self.scope = scope
        self.claims: list[dict[str, Any]] = []

    def list(self) -> Any:
        listed = super().list()
        if self.scope is not None:
            listed["tools"][0]["_meta"] = {"homestream/scope": self.scope}
        return listed

    def _act(self, _arguments: dict[str, Any]) -> str:
        token = request.headers["Authorization"].removeprefix("Bearer ")
        self.claims.append(jwt.decode(token, options={"verify_signature": False}))
        return "done"


def call_once(start: Start, model: ScriptedModel, service: ScopedService, **settings: Any) -> None:
    with service:
        alice = start(tool_services={"odd": service.url}, **settings).sign_up("Alice")
        model.script(tool_call("act", {}), text("Done."))
        assert alice.ask("x").until("done")[-1].json["status"] == "completed"


def test_a_call_has_the_scopes_that_its_tool_needs(start: Start, model: ScriptedModel) -> None:
    service = ScopedService("odd:read others:read")
    call_once(start, model, service)
    assert service.claims[0]["scope"] == "tools:call odd:read others:read"


def test_a_service_that_knows_no_scopes_of_tools_gets_the_token_it_always_got(
    start: Start, model: ScriptedModel
) -> None:
    service = ScopedService(None)
    call_once(start, model, service)
    assert service.claims[0]["scope"] == "tools:call"


def test_a_tool_that_runs_unasked_gets_no_scope_to_do_more_than_read(
    start: Start, model: ScriptedModel
) -> None:
    with ScopedService("reports:send") as service:
        product = start(tool_services={"odd": service.url})
        [server] = product.services.registry
        assert server.tools == ()
        assert "only reads, but wants the scope reports:send" in server.problem
