"""Calls to tools on a person's behalf.

A call to one of our own services carries a token of its own, minted for that person and that
service; one to another server carries the token that the settings have for it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import gevent
import requests
from mcp_types import CallToolResult, EmbeddedResource, TextContent, TextResourceContents
from urllib3.exceptions import NewConnectionError

from app.agent.events import ApprovalRequested, DisplayPart
from app.agent.messages import Decision, ToolResult, ToolSpec
from app.errors import ToolFailure
from app.json_input import parse_json
from app.tools.approvals import RunApprovals
from app.tools.display import display_parts, is_for_user_only
from app.tools.registry import Tool, ToolRegistry, ToolServer

log = logging.getLogger(__name__)

CALL_SCOPE = "tools:call"
OUTBOX_SCOPE = "outbox:read"
_AGAIN_SECONDS = 0.3

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class UserTools:
    """The tools as one person may call them; what `agent.respond` is given."""

    registry: ToolRegistry
    user_id: str
    approvals: RunApprovals | None = None
    rules: Mapping[str, str] = field(default_factory=dict)

    def specs(self) -> list[ToolSpec]:
        return [tool.spec() for tool in self.registry.tools()]

    def call(
        self, call_id: str, name: str, arguments: dict[str, Any], *, again: bool = False
    ) -> ToolResult:
        tool = self._fitting(name, arguments)
        service = self.registry.servers[tool.service]
        repeatable = tool.repeatable or service.remembers_keys
        if again and not repeatable:
            raise ToolFailure(
                "The call was interrupted, and nobody knows whether it was obeyed. It isn't made"
                " again by itself: say so to the person."
            )
        headers = self.registry.headers(service, self.user_id, CALL_SCOPE)
        headers["Idempotency-Key"] = call_id
        answer = self._within_limits(
            service,
            lambda: service.client.call(tool.remote_name, arguments, headers),
            again=repeatable,
        )
        return ToolResult(_result(tool, answer), display_parts(answer.content))

    def request_approval(
        self, call_id: str, name: str, arguments: dict[str, Any]
    ) -> ApprovalRequested | Decision | None:
        tool = self._fitting(name, arguments)
        rule = self.rules.get(name)
        if self.approvals is None or rule == "never" or not (rule == "always" or tool.reaches_out):
            return None
        preview = partial(self._preview, tool, arguments)
        return self.approvals.request(call_id, name, arguments, preview)

    def _preview(self, tool: Tool, arguments: dict[str, Any]) -> tuple[DisplayPart, ...]:
        """What the call would do, for the person to look at before they decide; nothing where
        its service can't say."""
        service = self.registry.servers[tool.service]
        if not service.has_preview:
            return ()
        call = {"name": tool.remote_name, "arguments": arguments}
        try:
            answer = self._within_limits(
                service, lambda: self._asked(service, CALL_SCOPE, "POST", "/tools/preview", call)
            )
            blocks = {"content": answer["content"]}
            return display_parts(CallToolResult.model_validate(blocks, by_name=False).content)
        except (ToolFailure, LookupError, ValueError) as error:
            log.warning("%s gave no preview of %s: %r", service.name, tool.name, error)
            return ()

    def wait_for_decision(self, call_id: str) -> Decision:
        if self.approvals is None:
            raise ToolFailure("There is nobody to ask.")
        return self.approvals.wait(call_id)

    def _fitting(self, name: str, arguments: dict[str, Any]) -> Tool:
        """The tool, if there is one and it takes these arguments."""
        tool = self.registry.find(name)
        if tool is None:
            names = ", ".join(tool.name for tool in self.registry.tools()) or "none"
            raise ToolFailure(f"There is no tool {name!r} now; there are: {names}.")
        mistakes = tool.mistakes(arguments)
        if mistakes:
            raise ToolFailure(f"Wrong arguments, mend them and call again: {mistakes}")
        return tool

    def outbox(self) -> list[dict[str, Any]]:
        """What was sent for this person, newest first, from every service that keeps an outbox."""
        messages: list[dict[str, Any]] = []
        for service in self.registry:
            if service.has_outbox:
                messages += self._within_limits(service, partial(self._outbox_of, service))
        return sorted(messages, key=lambda message: str(message["createdAt"]), reverse=True)

    def _outbox_of(self, service: ToolServer) -> list[dict[str, Any]]:
        answer = self._asked(service, OUTBOX_SCOPE, "GET", "/outbox")
        messages: list[dict[str, Any]] = answer.get("messages", [])
        return messages

    def _asked(
        self, service: ToolServer, scope: str, method: str, path: str, body: Any = None
    ) -> dict[str, Any]:
        """The JSON object that one of our own services answers, beside what it does over MCP."""
        response = requests.request(
            method,
            service.url + path,
            json=body,
            headers=self.registry.headers(service, self.user_id, scope),
            timeout=self.registry.timeout,
            allow_redirects=False,
        )
        try:
            answer = parse_json(response.content)
        except ValueError:
            answer = None
        if not response.ok or not isinstance(answer, dict):
            raise ToolFailure(f"The {service.name} service answered {response.status_code}.")
        return answer

    def _within_limits(
        self, service: ToolServer, ask: Callable[[], Answer], *, again: bool = False
    ) -> Answer:
        """What a server answers within the time-out; ToolFailure where there is no answer."""
        limit = self.registry.timeout
        started = time.monotonic()
        # requests' own time-out is for each read; a service that drips needs one for the whole.
        timeout = gevent.Timeout.start_new(limit)
        try:
            return _insist(ask, again=again)
        except gevent.Timeout as caught:
            if caught is not timeout:
                raise
            raise ToolFailure(f"The {service.name} service took over {limit:g} seconds.") from None
        except requests.Timeout:
            raise ToolFailure(f"The {service.name} service took over {limit:g} seconds.") from None
        except requests.RequestException as error:
            if time.monotonic() - started < limit:
                self.registry.mark_unavailable(service.name)
            raise ToolFailure(f"The {service.name} service can't be reached now.") from error
        finally:
            timeout.close()


def _insist(ask: Callable[[], Answer], *, again: bool) -> Answer:
    """The answer to a request. When the connection breaks after the request was sent, nobody
    knows whether it was obeyed; where that does no harm it is sent `again` until it is known."""
    sent = False
    while True:
        try:
            return ask()
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
            sent = sent or not _refused(error)
            if not again or not sent:
                raise
        gevent.sleep(_AGAIN_SECONDS)


def _refused(error: requests.RequestException) -> bool:
    """Whether no connection came about, so that nothing can have been done."""
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    return isinstance(reason, NewConnectionError)


def _result(tool: Tool, answer: CallToolResult) -> Any:
    """What a tool answered, as a JSON value. Raises ToolFailure with its own account of an
    error."""
    if answer.is_error:
        raise ToolFailure(_text(answer) or f"{tool.name} failed and doesn't say why.")
    if answer.structured_content is None:
        return _text(answer)
    broken = tool.broken_promises(answer.structured_content)
    if broken:
        raise ToolFailure(f"{tool.name} answered something other than it promised: {broken}")
    return answer.structured_content


def _text(answer: CallToolResult) -> str:
    """The text that a result's blocks hold for the model; what is no text is named in its place."""
    return "\n".join(_block_text(block) for block in answer.content if not is_for_user_only(block))


def _block_text(block: Any) -> str:
    if isinstance(block, TextContent):
        return block.text
    if isinstance(block, EmbeddedResource) and isinstance(block.resource, TextResourceContents):
        return block.resource.text
    shown = "which the person sees" if block.type == "image" else "not shown"
    return f"[{block.type}, {shown}]"
