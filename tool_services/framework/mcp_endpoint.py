"""POST /mcp: the service's tools over the Model Context Protocol (Streamable HTTP).

Two eras on one endpoint. A modern request (2026-07-28) stands alone: its version and the client's
capabilities are in `params._meta`, and headers repeat what a proxy wants to see. The handshake
revisions before it begin with `initialize`. Nothing is kept between requests in either, and every
answer is one JSON document: these tools have nothing to stream.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import Flask, Response, jsonify, request
from mcp_types import SERVER_INFO_META_KEY
from mcp_types.jsonrpc import INTERNAL_ERROR, INVALID_PARAMS
from mcp_types.methods import serialize_server_result
from mcp_types.version import (
    HANDSHAKE_PROTOCOL_VERSIONS,
    LATEST_HANDSHAKE_VERSION,
)
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException

from tool_services.framework.arguments import check_arguments
from tool_services.framework.call_log import begin_call
from tool_services.framework.errors import (
    DatabaseUnavailableError,
    ForeignOriginError,
    NotAcceptableError,
    NotJsonError,
    ServiceError,
)
from tool_services.framework.mcp_messages import (
    SUPPORTED_VERSIONS,
    Message,
    ProtocolError,
    read_message,
)
from tool_services.framework.tokens import CALL_SCOPE, LIST_SCOPE, Caller, TokenVerifier
from tool_services.framework.tools import JsonObject, Tool

logger = logging.getLogger("tool_services.framework.mcp_endpoint")

CATALOGUE_TTL_MS = 60_000
# No prompts or resources either, but an empty list: many clients ask without looking here first.
EMPTY_LISTS = {
    "prompts/list": "prompts",
    "resources/list": "resources",
    "resources/templates/list": "resourceTemplates",
}
CAPABILITIES: JsonObject = {"tools": {"listChanged": False}, "prompts": {}, "resources": {}}


@dataclass(frozen=True)
class Server:
    """What answers the methods; `with_key` adds the request's idempotency key to a caller."""

    name: str
    version: str
    instructions: str
    tools: Mapping[str, Tool]
    with_key: Callable[[Caller], Caller]
    extensions: Mapping[str, JsonObject]
    """What the service does beside tools, by the names that extensions of the protocol have."""

    @property
    def info(self) -> JsonObject:
        return {"name": self.name, "version": self.version}

    def answer(self, message: Message, caller: Caller) -> JsonObject:
        """The result of a request, in the shape of its revision. Raises ProtocolError."""
        answers: Mapping[str, Callable[[Message, Caller], JsonObject]] = {
            "initialize": self._initialize,
            "server/discover": self._discover,
            "ping": lambda _message, _caller: {},
            "tools/list": self._list,
            "tools/call": self._call,
            **dict.fromkeys(EMPTY_LISTS, self._nothing),
        }
        method = answers.get(message.method)
        if method is None:
            raise message.unknown_method()
        result = method(message, caller)
        if message.is_modern:
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
            **_public_for_a_minute(),
        }

    def _nothing(self, message: Message, _caller: Caller) -> JsonObject:
        return {EMPTY_LISTS[message.method]: [], **_public_for_a_minute()}

    def _list(self, message: Message, _caller: Caller) -> JsonObject:
        if message.params.get("cursor") is not None:
            raise message.refused(INVALID_PARAMS, "The list has one page; it gave no cursor.")
        return {
            "tools": [tool.described() for tool in self.tools.values()],
            **_public_for_a_minute(),
        }

    def _call(self, message: Message, caller: Caller) -> JsonObject:
        record = begin_call()
        record.user_id = caller.user_id
        tool = self.tools.get(message.params["name"])
        if tool is None:
            raise message.refused(
                INVALID_PARAMS, f"There is no tool {message.params['name'][:60]!r}."
            )
        record.tool = tool.name
        message.require_capabilities(tool.client_capabilities)
        arguments = message.params.get("arguments") or {}
        try:
            check_arguments(tool.input_schema, arguments)
            answer = tool.handler(arguments, self.with_key(caller))
            result = answer.as_json()
            parts = [part.block(self.name) for part in answer.shown()]
        except OperationalError as error:
            logger.error("The database can't be reached: %s", error.orig)
            failure: ServiceError = DatabaseUnavailableError()
        except ServiceError as error:
            failure = error
        else:
            text = _text(json.dumps(result, ensure_ascii=False))
            if parts:
                text["annotations"] = {"audience": ["assistant"]}
            return {"content": [text, *parts], "structuredContent": result, "isError": False}
        record.status = failure.status
        return {"content": [_text(failure.message)], "isError": True}


def _public_for_a_minute() -> JsonObject:
    """The catalogue is the same for everybody, and changes when the service is updated."""
    return {"ttlMs": CATALOGUE_TTL_MS, "cacheScope": "public"}


def _text(text: str) -> JsonObject:
    return {"type": "text", "text": text}


def serve_mcp(
    app: Flask,
    server: Server,
    verifier: TokenVerifier,
    *,
    origins: Sequence[str],
) -> None:
    """Answer POST /mcp. `origins` are the ones whose pages may call; other clients send none."""
    allowed = frozenset(map(origin_of, origins))

    @app.post("/mcp")
    def mcp() -> Response:
        return _answered(lambda: _take(server, verifier, allowed))


def origin_of(url: str) -> str:
    """The web origin (scheme, host and port) of a URL."""
    parts = urlsplit(url.lower())
    return f"{parts.scheme}://{parts.netloc}"


def _take(server: Server, verifier: TokenVerifier, allowed: frozenset[str]) -> Response:
    _check_headers(allowed)
    caller = verifier.caller(request.headers.get("Authorization"), LIST_SCOPE, CALL_SCOPE)
    message = read_message(request.get_data(), request.headers)
    if message.id is None:
        return Response(status=202)
    if message.method == "tools/call":
        verifier.require(caller, CALL_SCOPE)
    try:
        result = server.answer(message, caller)
    except (ServiceError, HTTPException, ProtocolError):
        raise
    except Exception as error:
        logger.exception("An unexpected error", exc_info=error)
        sentence = "Something went wrong in the service; it has been logged."
        raise message.refused(INTERNAL_ERROR, sentence, 500) from error
    return jsonify(jsonrpc="2.0", id=message.id, result=result)


def _check_headers(allowed: frozenset[str]) -> None:
    origin = request.headers.get("Origin")
    if origin is not None and origin.lower() not in allowed:
        raise ForeignOriginError
    if request.mimetype != "application/json":
        raise NotJsonError
    if request.accept_mimetypes and not request.accept_mimetypes.accept_json:
        raise NotAcceptableError


def _answered(take: Callable[[], Response]) -> Response:
    try:
        return take()
    except ProtocolError as refusal:
        return refusal.response()
    except ServiceError as error:
        return ProtocolError.outside(error.status, error.message, error.code).response(
            error.headers
        )
    except HTTPException as error:
        message = "The request is too large." if error.code == 413 else str(error.description)
        return ProtocolError.outside(error.code or 500, message, error.name).response()
