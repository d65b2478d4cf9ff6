"""The token of a tool call lets the service do that call, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jwt
import pytest
import requests
from flask import request

from app.errors import ToolFailure
from app.tools.approvals import RunApprovals
from app.tools.call_tool import UserTools
from tests.support.mails import latest_link
from tests.support.product import Person, Product, Stream
from tests.support.scripted_model import ScriptedModel, text, tool_call
from tests.support.tool_services import ToolService
from tool_services.framework.argument_digest import argument_digest

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


def test_a_tool_that_does_more_than_read_is_not_offered_with_a_scope_for_reading(
    start: Start, model: ScriptedModel
) -> None:
    """Whoever may read would hold it."""
    with ScopedService("odd:read", reads=False) as service:
        [server] = start(tool_services={"odd": service.url}).services.registry
        assert server.tools == ()
        assert "does more than read, but wants the scope odd:read" in server.problem


def approve(person: Person, stream: Stream, **changed: Any) -> dict[str, Any]:
    """Approve the call that the stream waits for; its event is returned."""
    approval = stream.until("approval")[-1].json
    body = {"decision": "approve"} | changed
    assert person.api("POST", approval["url"], json=body).status_code == 200
    assert stream.until("done")[-1].json["status"] == "completed"
    return approval


@pytest.mark.parametrize("changed", [{}, {"arguments": {"to": "bob", "copies": 2}}])
def test_a_call_that_does_more_than_read_has_a_token_for_what_was_approved(
    start: Start, model: ScriptedModel, changed: dict[str, Any]
) -> None:
    asked = {"to": "ann", "copies": 1}
    with ScopedService("odd:send", reads=False) as service:
        alice = start(tool_services={"odd": service.url}).sign_up("Alice")
        model.script(tool_call("act", asked), text("Done."))
        stream = alice.ask("x")
        approval = approve(alice, stream, **changed)
    [claims] = service.claims
    assert claims["scope"] == "tools:call odd:send"
    assert claims["args"] == argument_digest(changed.get("arguments", asked))
    assert claims["call"] == approval["id"] == service.calls[0]["key"]


def test_a_tool_that_the_operator_lets_run_has_a_token_for_its_arguments(
    start: Start, model: ScriptedModel
) -> None:
    service = ScopedService("odd:send", reads=False)
    call_once(start, model, service, approvals={"act": "never"})
    assert service.claims[0]["args"] == argument_digest({})
    assert service.claims[0]["email_verified"] is False


def test_a_token_says_that_the_person_has_confirmed_their_address(
    start: Start, model: ScriptedModel
) -> None:
    with ScopedService("odd:send", reads=False) as service:
        product = start(tool_services={"odd": service.url}, approvals={"act": "never"})
        alice = product.sign_up("Alice")
        assert requests.post(latest_link(product, alice.email)).status_code == 200
        model.script(tool_call("act", {}), text("Done."))
        alice.ask("x").until("done")
    assert service.claims[0]["email_verified"] is True


def test_no_token_is_minted_for_a_call_that_nobody_approved(
    start: Start, model: ScriptedModel
) -> None:
    """Not even if the agent asks for it with other arguments, or for another run."""
    with ScopedService("odd:send", reads=False) as service:
        product = start(tool_services={"odd": service.url})
        alice = product.sign_up("Alice")
        model.script(tool_call("act", {"to": "ann"}), text("Done."))
        stream = alice.ask("x")
        run = stream.until("run")[-1].json["runId"]
        approval = approve(alice, stream)
        for run_id, call_id, to in (
            (run, approval["id"], "bob"),
            (run, "another call", "ann"),
            ("another run", approval["id"], "ann"),
        ):
            approvals = RunApprovals(product.app, run_id, minutes=1)
            tools = UserTools(product.services.registry, alice.id, approvals)
            with pytest.raises(ToolFailure, match="not approved"):
                tools.call(call_id, "act", {"to": to})
        with pytest.raises(ToolFailure, match="not approved"):
            UserTools(product.services.registry, alice.id).call("1", "act", {"to": "ann"})
        again = UserTools(
            product.services.registry, alice.id, RunApprovals(product.app, run, minutes=1)
        )
        assert again.call(approval["id"], "act", {"to": "ann"}, again=True).result == "done"
    assert len(service.claims) == 2
