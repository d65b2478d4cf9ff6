"""POST /mcp: the tools over the Model Context Protocol (Streamable HTTP).

The endpoint speaks two kinds of revisions. A stateless request (2026-07-28) carries its version
and the client's capabilities in `params._meta`, and headers repeat what proxies look at. The
handshake revisions before it begin with `initialize`. The service keeps nothing between requests
of either kind. A response is one JSON document, or an event stream for a call whose client asks for
progress, if the tool tells any.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, jsonify, request
from mcp_types.jsonrpc import INTERNAL_ERROR
from werkzeug.exceptions import HTTPException

from tool_services import __version__
from tool_services.framework.call_permission import check_permission
from tool_services.framework.error_responses import UNEXPECTED, log_unexpected
from tool_services.framework.errors import (
    ForeignOriginError,
    NotAcceptableError,
    NotJsonError,
    ServiceError,
)
from tool_services.framework.http_endpoints import ServiceInfo, with_idempotency_key
from tool_services.framework.mcp_messages import Message, ProtocolError, read_message
from tool_services.framework.mcp_methods import McpServer
from tool_services.framework.mcp_stream import EVENT_STREAM, CallStream
from tool_services.framework.progress import Follower
from tool_services.framework.schemas import JsonObject
from tool_services.framework.scopes import CALL_SCOPE, LIST_SCOPE
from tool_services.framework.tokens import Caller, TokenVerifier
from tool_services.framework.tools import Tool


def add_mcp_endpoint(
    app: Flask, info: ServiceInfo, tools: Sequence[Tool], verifier: TokenVerifier
) -> None:
    """Add POST /mcp. Pages of the service's own origin and of the app's may call it."""
    server = _mcp_server(info, tools)
    origins = frozenset((_origin(info.audience), _origin(verifier.issuer)))

    @app.post("/mcp")
    def mcp() -> Response:
        return _or_refusal(lambda: _respond(server, verifier, origins))


def _or_refusal(respond: Callable[[], Response]) -> Response:
    """Return what `respond` returns, or the response that says what it raised."""
    try:
        return respond()
    except ProtocolError as error:
        return error.response()
    except ServiceError as error:
        refusal = ProtocolError.before_the_protocol(error.status, error.message, error.code)
        return refusal.response(error.headers)
    except HTTPException as error:
        message = "The request is too large." if error.code == 413 else str(error.description)
        status = error.code or 500
        return ProtocolError.before_the_protocol(status, message, error.name).response()


def _mcp_server(info: ServiceInfo, tools: Sequence[Tool]) -> McpServer:
    has_preview = any(tool.previewer for tool in tools)
    offered = {**info.capabilities, "preview": has_preview}
    return McpServer(
        name=info.name,
        version=__version__,
        instructions=info.instructions,
        tools={tool.name: tool for tool in tools},
        extensions={f"homestream/{name}": {} for name, is_offered in offered.items() if is_offered},
        with_idempotency_key=with_idempotency_key,
    )


def _origin(url: str) -> str:
    parts = urlsplit(url.lower())
    return f"{parts.scheme}://{parts.netloc}"


def _respond(server: McpServer, verifier: TokenVerifier, origins: frozenset[str]) -> Response:
    _check_headers(origins)
    caller = verifier.verify(request.headers.get("Authorization"), LIST_SCOPE, CALL_SCOPE)
    message = read_message(request.get_data(), request.headers)
    if message.id is None:
        return Response(status=202)
    if message.method == "tools/call":
        _check_call(server, verifier, caller, message)
        if _wants_stream(message):
            return _stream(server, message, caller)
    return _answer(server, message, caller)


def _wants_stream(message: Message) -> bool:
    return message.progress_token is not None and request.accept_mimetypes.quality(EVENT_STREAM) > 0


def _stream(server: McpServer, message: Message, caller: Caller) -> Response:
    """Answer a call whose client wants to be told of its progress."""
    tool = server.tools.get(message.params["name"])
    if tool is None or not tool.reports_progress:
        return _answer(server, message, caller)

    def make_call(follower: Follower) -> Response:
        response = _or_refusal(partial(_answer, server, message, caller, follower))
        # The request's own response begins before the call ends, and would be logged then.
        return current_app.process_response(response)

    return CallStream(message, make_call, only_reads=tool.reads_only).response()


def _answer(
    server: McpServer, message: Message, caller: Caller, follower: Follower | None = None
) -> Response:
    result = _result(server, message, caller, follower)
    return jsonify(jsonrpc="2.0", id=message.id, result=result)


def _check_call(
    server: McpServer, verifier: TokenVerifier, caller: Caller, message: Message
) -> None:
    verifier.require_scope(caller, CALL_SCOPE)
    tool = server.tools.get(message.params["name"])
    if tool is not None:
        arguments = message.params.get("arguments") or {}
        check_permission(verifier, caller, tool, arguments, request.headers.get("Idempotency-Key"))


def _result(
    server: McpServer, message: Message, caller: Caller, follower: Follower | None
) -> JsonObject:
    try:
        return server.answer(message, caller, follower)
    except (ServiceError, HTTPException, ProtocolError):
        raise
    except Exception as error:
        log_unexpected(error)
        raise message.refused(INTERNAL_ERROR, UNEXPECTED, 500) from error


def _check_headers(origins: frozenset[str]) -> None:
    origin = request.headers.get("Origin")
    if origin is not None and origin.lower() not in origins:
        raise ForeignOriginError
    if request.mimetype != "application/json":
        raise NotJsonError
    if request.accept_mimetypes and not request.accept_mimetypes.accept_json:
        raise NotAcceptableError
