"""Tool calls on one person's behalf.

A call to a service of ours carries a token that is minted for this person and this service. A call
to another server carries the token that the settings have for that server.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from mcp_types import CallToolResult, EmbeddedResource, TextContent, TextResourceContents

from app.agent.events import ApprovalRequested, DisplayPart
from app.agent.messages import Decision, ToolResult, ToolSpec
from app.errors import CallRefused, ToolFailure
from app.tools.approval_rules import ApprovalRules
from app.tools.approvals import RunApprovals
from app.tools.display import (
    display_parts,
    is_for_people_only,
    result_in_words,
    suggested_questions,
)
from app.tools.registry import ToolRegistry
from app.tools.server import ToolServer
from app.tools.server_requests import ask_in_time, ask_service
from app.tools.tool import Tool
from app.tools.untrusted.checks import Mistake
from app.tools.untrusted.notifications import Report
from tool_services.framework.argument_digest import argument_digest
from tool_services.framework.scopes import CALL_SCOPE, PREVIEW_SCOPE

log = logging.getLogger(__name__)

MAX_PROBLEM_CHARS = 500
MAX_EXAMPLE_CHARS = 400


@dataclass(frozen=True)
class UserTools:
    """The tools as one person may call them: the agent's Toolbox.

    `email_verified` says whether they have confirmed their address.
    """

    registry: ToolRegistry
    user_id: str
    approvals: RunApprovals | None = None
    rules: ApprovalRules = field(default_factory=ApprovalRules)
    email_verified: bool = False

    def specs(self) -> list[ToolSpec]:
        return [tool.spec() for tool in self.registry.tools()]

    def call(
        self,
        call_id: str,
        name: str,
        arguments: dict[str, Any],
        *,
        again: bool = False,
        report: Report | None = None,
    ) -> ToolResult:
        tool = self._tool(name)
        if mistakes := tool.argument_mistakes(arguments):
            raise _wrong_arguments(mistakes, tool.right_example(arguments))
        if again and not tool.repeatable:
            raise ToolFailure(
                "The call was interrupted, and nobody knows whether it was carried out. It isn't"
                " repeated by itself: tell the person so."
            )
        self._check_approved(call_id, tool, arguments)
        server = self.registry.servers[tool.server]
        headers = self._headers(server, tool, call_id, arguments)

        def ask() -> ToolResult:
            answer = server.client.call(tool.remote_name, arguments, headers, report)
            return _read_result(tool, answer)

        return ask_in_time(self.registry, server, ask, repeat=tool.repeatable)

    def reads_only(self, name: str) -> bool:
        tool = self.registry.find(name)
        return tool is not None and tool.runs_unasked

    def read_arguments(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        tool = self._tool(name)
        read, mistakes = tool.read_arguments(arguments)
        if mistakes:
            raise _wrong_arguments(mistakes, tool.right_example(arguments))
        return read

    def request_approval(
        self, call_id: str, name: str, arguments: dict[str, Any]
    ) -> ApprovalRequested | Decision | None:
        tool = self._tool(name)
        if self.approvals is None or not self.rules.needs_approval(tool):
            return None
        preview = partial(self._preview, tool, arguments)
        return self.approvals.request(call_id, tool, arguments, preview)

    def wait_for_decision(self, call_id: str) -> Decision:
        if self.approvals is None:
            raise ToolFailure("There is nobody to ask.")
        return self.approvals.wait(call_id)

    def _tool(self, name: str) -> Tool:
        """The tool of this name. Raises CallRefused if there is none."""
        tool = self.registry.find(name)
        if tool is None:
            names = ", ".join(tool.name for tool in self.registry.tools()) or "none"
            raise CallRefused(f"There is no tool {name!r} now; there are: {names}.")
        return tool

    def _check_approved(self, call_id: str, tool: Tool, arguments: dict[str, Any]) -> None:
        """Raise ToolFailure if the person has to approve this very call, and hasn't."""
        if not self.rules.needs_approval(tool):
            return
        if self.approvals is None or not self.approvals.allow(call_id, tool, arguments):
            raise ToolFailure("This call was not approved with these arguments, so it wasn't made.")

    def _headers(
        self, server: ToolServer, tool: Tool, call_id: str, arguments: dict[str, Any]
    ) -> dict[str, str]:
        """The headers of a call. The token of one that does more than read is for it alone."""
        only_this: dict[str, object] = {}
        if not tool.runs_unasked:
            only_this = {
                "args": argument_digest(arguments),
                "call": call_id,
                "email_verified": self.email_verified,
            }
        scope = " ".join((CALL_SCOPE, *tool.scopes))
        headers = self.registry.headers(server, self.user_id, scope, **only_this)
        return {**headers, "Idempotency-Key": call_id}

    def _preview(self, tool: Tool, arguments: dict[str, Any]) -> tuple[DisplayPart, ...]:
        """What the call would do, for the person to see before they decide. Nothing if the tool's
        service can't say."""
        server = self.registry.servers[tool.server]
        if not server.has_preview:
            return ()
        try:
            return ask_in_time(
                self.registry, server, partial(self._read_preview, server, tool, arguments)
            )
        except (ToolFailure, LookupError, ValueError) as error:
            log.warning("%s gave no preview of %s: %r", server.name, tool.name, error)
            return ()

    def _read_preview(
        self, service: ToolServer, tool: Tool, arguments: dict[str, Any]
    ) -> tuple[DisplayPart, ...]:
        body = {"name": tool.remote_name, "arguments": arguments}
        request = (f"{CALL_SCOPE} {PREVIEW_SCOPE}", "POST", "/tools/preview", body)
        answer = ask_service(self.registry, service, self.user_id, *request)
        blocks = {"content": answer["content"]}
        return display_parts(CallToolResult.model_validate(blocks, by_name=False).content)


def _wrong_arguments(mistakes: Sequence[Mistake], example: dict[str, Any] | None) -> CallRefused:
    """One sentence with an example, for the model to call again."""
    problems = "; ".join(map(str, mistakes))[:MAX_PROBLEM_CHARS]
    sentence = f"The arguments are wrong ({problems}); correct them and call again"
    shown = "" if example is None else json.dumps(example, ensure_ascii=False)
    if shown and len(shown) <= MAX_EXAMPLE_CHARS:
        return CallRefused(f"{sentence}, as in this example: {shown}")
    return CallRefused(f"{sentence}.")


def _read_result(tool: Tool, answer: CallToolResult) -> ToolResult:
    """A tool's answer as a value for the model and parts for people. Raises ToolFailure if the tool
    reports an error, or the answer isn't what the tool's description promises."""
    if answer.is_error:
        raise ToolFailure(_text(answer) or f"{tool.name} failed and doesn't say why.")
    parts = display_parts(answer.content, tool.checks.sanitise_html)
    if tool.ours:
        # Another party's would look like the app's own button, and the app's own words.
        parts += suggested_questions(answer.meta) + result_in_words(answer.meta)
    if answer.structured_content is None:
        return ToolResult(_text(answer), parts)
    mistakes = tool.result_mistakes(answer.structured_content)
    if mistakes:
        sentence = "; ".join(map(str, mistakes))
        raise ToolFailure(f"{tool.name} answered something other than it promised: {sentence}")
    return ToolResult(answer.structured_content, parts)


def _text(answer: CallToolResult) -> str:
    """The text for the model in a result's blocks, with a remark for each that is no text."""
    blocks = [block for block in answer.content if not is_for_people_only(block)]
    return "\n".join(map(_block_text, blocks))


def _block_text(block: Any) -> str:
    if isinstance(block, TextContent):
        return block.text
    if isinstance(block, EmbeddedResource) and isinstance(block.resource, TextResourceContents):
        return block.resource.text
    remark = "which the person sees" if block.type == "image" else "not shown"
    return f"[{block.type}, {remark}]"
