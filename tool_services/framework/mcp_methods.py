"""The methods of the Model Context Protocol that a service answers. It knows nothing of HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from mcp_types import SERVER_INFO_META_KEY
from mcp_types.jsonrpc import INVALID_PARAMS
from mcp_types.methods import serialize_server_result
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, LATEST_HANDSHAKE_VERSION
from sqlalchemy.exc import OperationalError

from tool_services.framework.call_log import begin_call
from tool_services.framework.display import people_meta
from tool_services.framework.error_responses import database_away
from tool_services.framework.errors import ServiceError
from tool_services.framework.mcp_messages import LONGEST_QUOTE, SUPPORTED_VERSIONS, Message
from tool_services.framework.progress import Follower
from tool_services.framework.schemas import JsonObject, ToolResult
from tool_services.framework.tokens import Caller
from tool_services.framework.tools import Tool

TOOL_LIST_TTL_MS = 60_000
# A service has no prompts or resources. Many clients ask without looking at the capabilities.
EMPTY_LISTS = {
    "prompts/list": "prompts",
    "resources/list": "resources",
    "resources/templates/list": "resourceTemplates",
}
CAPABILITIES: JsonObject = {"tools": {"listChanged": False}, "prompts": {}, "resources": {}}


@dataclass(frozen=True)
class McpServer:
    """A service's tools as an MCP server.

    `with_idempotency_key` adds the request's key to a caller. `extensions` are what the service
    does beside tools, by the names of protocol extensions.
    """

    name: str
    version: str
    instructions: str
    tools: Mapping[str, Tool]
    extensions: Mapping[str, JsonObject]
    with_idempotency_key: Callable[[Caller], Caller]

    @property
    def info(self) -> JsonObject:
        return {"name": self.name, "version": self.version}

    def answer(
        self, message: Message, caller: Caller, follower: Follower | None = None
    ) -> JsonObject:
        """Return the result of a request, as its protocol revision defines it.

        `follower` is told of the progress of a call. Raises ProtocolError.
        """
        methods: Mapping[str, Callable[[Message, Caller], JsonObject]] = {
            "initialize": self._initialize,
            "server/discover": self._discover,
            "ping": lambda _message, _caller: {},
            "tools/list": self._list_tools,
            "tools/call": partial(self._call_tool, follower),
            **dict.fromkeys(EMPTY_LISTS, self._list_nothing),
        }
        method = methods.get(message.method)
        if method is None:
            raise message.unknown_method()
        result = method(message, caller)
        if message.is_stateless:
            result = {"resultType": "complete", **result}
        return serialize_server_result(message.method, message.version, result)

    def _initialize(self, message: Message, _caller: Caller) -> JsonObject:
        wanted = message.params["protocolVersion"]
        known = wanted in HANDSHAKE_PROTOCOL_VERSIONS
        return {
            "protocolVersion": wanted if known else LATEST_HANDSHAKE_VERSION,
            "capabilities": CAPABILITIES,
            "serverInfo": self.info,
            "instructions": self.instructions,
        }

    def _discover(self, _message: Message, _caller: Caller) -> JsonObject:
        return {
            "supportedVersions": list(SUPPORTED_VERSIONS),
            "capabilities": CAPABILITIES | {"extensions": dict(self.extensions)},
            "instructions": self.instructions,
            "_meta": {SERVER_INFO_META_KEY: self.info},
            **_cacheable(),
        }

    def _list_nothing(self, message: Message, _caller: Caller) -> JsonObject:
        return {EMPTY_LISTS[message.method]: [], **_cacheable()}

    def _list_tools(self, message: Message, _caller: Caller) -> JsonObject:
        if message.params.get("cursor") is not None:
            raise message.refused(INVALID_PARAMS, "The list has one page and gives no cursor.")
        return {"tools": [tool.definition for tool in self.tools.values()], **_cacheable()}

    def _call_tool(self, follower: Follower | None, message: Message, caller: Caller) -> JsonObject:
        record = begin_call()
        record.user_id = caller.user_id
        name = message.params["name"]
        tool = self.tools.get(name)
        if tool is None:
            sentence = f"There is no tool {name[:LONGEST_QUOTE]!r}."
            raise message.refused(INVALID_PARAMS, sentence)
        record.tool = tool.name
        message.require_capabilities(tool.client_capabilities)
        arguments = message.params.get("arguments") or {}
        try:
            caller = self.with_idempotency_key(caller)
            return self._call_result(tool.call(arguments, caller, follower))
        except OperationalError as error:
            failure: ServiceError = database_away(error)
        except ServiceError as error:
            failure = error
        record.status = failure.status
        return {"content": [_text_block(failure.message)], "isError": True}

    def _call_result(self, output: ToolResult) -> JsonObject:
        result = output.as_json()
        text = _text_block(json.dumps(result, ensure_ascii=False))
        parts = [part.content_block(self.name) for part in output.shown()]
        if parts:
            text["annotations"] = {"audience": ["assistant"]}
        return {
            "content": [text, *parts],
            "structuredContent": result,
            "isError": False,
            **people_meta(output.suggested(), output.in_words()),
        }


def _cacheable() -> JsonObject:
    """Lists are the same for everyone, and change only when the service is updated."""
    return {"ttlMs": TOOL_LIST_TTL_MS, "cacheScope": "public"}


def _text_block(text: str) -> JsonObject:
    return {"type": "text", "text": text}
