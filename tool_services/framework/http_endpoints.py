"""The tools over plain HTTP: /info, /tools, /health, /tools/call and /tools/preview."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from flask import Flask, Response, jsonify, request
from sqlalchemy.exc import SQLAlchemyError

from tool_services import __version__
from tool_services.framework.call_log import begin_call
from tool_services.framework.call_permission import check_permission
from tool_services.framework.errors import (
    DatabaseUnavailableError,
    InvalidRequestError,
    UnknownToolError,
)
from tool_services.framework.json_input import read_json
from tool_services.framework.schemas import JsonObject
from tool_services.framework.scopes import CALL_SCOPE, LIST_SCOPE
from tool_services.framework.tokens import METADATA_PATH, Caller, TokenVerifier
from tool_services.framework.tools import Tool

MAX_IDEMPOTENCY_KEY_CHARS = 200
LONGEST_QUOTE = 60


@dataclass(frozen=True)
class ServiceInfo:
    """A service's description of itself.

    `instructions` are for models. `audience` is the URL that its tokens carry. `capabilities` are
    endpoints beside the tools, such as an outbox.
    """

    name: str
    description: str
    instructions: str
    audience: str
    capabilities: Mapping[str, bool] = field(default_factory=dict)


def add_http_endpoints(
    app: Flask,
    info: ServiceInfo,
    tools: Sequence[Tool],
    verifier: TokenVerifier,
    check_database: Callable[[], object],
) -> None:
    """Add the endpoints that every service has."""
    _add_descriptions(app, info, tools)
    _add_health(app, info, check_database)
    _add_calls(app, info, tools, verifier)
    _add_token_metadata(app, tools, verifier)


def _add_descriptions(app: Flask, info: ServiceInfo, tools: Sequence[Tool]) -> None:
    @app.get("/info")
    def show_info() -> Response:
        return jsonify(
            name=info.name,
            version=__version__,
            description=info.description,
            audience=info.audience,
            tools=[tool.name for tool in tools],
            capabilities=dict(info.capabilities),
        )

    @app.get("/tools")
    def list_tools() -> Response:
        return jsonify(tools=[tool.definition for tool in tools])


def _add_health(app: Flask, info: ServiceInfo, check_database: Callable[[], object]) -> None:
    @app.get("/health")
    def show_health() -> tuple[Response, int]:
        try:
            check_database()
        except SQLAlchemyError:
            message = DatabaseUnavailableError().message
            return jsonify(status="error", service=info.name, message=message), 503
        return jsonify(status="ok", service=info.name), 200


def _add_calls(
    app: Flask, info: ServiceInfo, tools: Sequence[Tool], verifier: TokenVerifier
) -> None:
    by_name = {tool.name: tool for tool in tools}

    @app.post("/tools/call")
    def call_tool() -> Response:
        record = begin_call()
        caller = verifier.verify(request.headers.get("Authorization"), CALL_SCOPE)
        record.user_id = caller.user_id
        tool, arguments = _read_call(by_name)
        record.tool = tool.name
        caller = with_idempotency_key(caller)
        check_permission(verifier, caller, tool, arguments, caller.idempotency_key)
        return jsonify(result=tool.call(arguments, caller).as_json())

    @app.post("/tools/preview")
    def preview_call() -> Response:
        caller = verifier.verify(request.headers.get("Authorization"), CALL_SCOPE)
        tool, arguments = _read_call(by_name)
        parts = tool.show_preview(arguments, caller)
        return jsonify(content=[part.content_block(info.name) for part in parts])


def _add_token_metadata(app: Flask, tools: Sequence[Tool], verifier: TokenVerifier) -> None:
    """Tell clients who issues tokens (RFC 9728), at the root and below the MCP endpoint."""
    scopes = sorted({tool.scope for tool in tools})

    @app.get(METADATA_PATH)
    @app.get(f"{METADATA_PATH}/mcp")
    def show_token_metadata() -> Response:
        return jsonify(
            resource=verifier.audience,
            authorization_servers=[verifier.issuer],
            scopes_supported=[LIST_SCOPE, CALL_SCOPE, *scopes],
            bearer_methods_supported=["header"],
        )


def _read_call(by_name: Mapping[str, Tool]) -> tuple[Tool, object]:
    """Return the tool that the request's body names, and the arguments, unchecked."""
    body = _read_object(request.get_data())
    name = body.get("name")
    if not isinstance(name, str):
        raise InvalidRequestError("The body must contain the tool's name as a string.")
    if name not in by_name:
        raise UnknownToolError(
            f"There is no tool {name[:LONGEST_QUOTE]!r}. The tools are {', '.join(by_name)}."
        )
    return by_name[name], body.get("arguments", {})


def _read_object(body: bytes) -> JsonObject:
    try:
        value = read_json(body)
    except ValueError as error:
        raise InvalidRequestError(f"The body is not valid JSON: {error}.") from error
    if not isinstance(value, dict):
        raise InvalidRequestError('The body must be a JSON object: {"name": …, "arguments": {…}}.')
    return value


def with_idempotency_key(caller: Caller) -> Caller:
    """Return the caller with the request's idempotency key. Raises InvalidRequestError."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not (0 < len(key) <= MAX_IDEMPOTENCY_KEY_CHARS and key.isprintable()):
        raise InvalidRequestError(
            f"An Idempotency-Key must have 1 to {MAX_IDEMPOTENCY_KEY_CHARS} printable characters."
        )
    return replace(caller, idempotency_key=key)
