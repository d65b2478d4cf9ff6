"""The one way to build a tool service: its catalogue, its calls, its health."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from flask import Flask, Response, jsonify, request
from flask.json.provider import DefaultJSONProvider
from jsonschema import Draft202012Validator
from pydantic_core import from_json
from sqlalchemy.exc import SQLAlchemyError

from tool_services import __version__
from tool_services.framework.arguments import check_arguments
from tool_services.framework.call_log import begin_call, log_calls
from tool_services.framework.error_responses import answer_errors_as_json
from tool_services.framework.errors import (
    DatabaseUnavailableError,
    InvalidRequestError,
    UnknownToolError,
)
from tool_services.framework.mcp_endpoint import Server, serve_mcp
from tool_services.framework.tokens import (
    CALL_SCOPE,
    LIST_SCOPE,
    METADATA_PATH,
    Caller,
    TokenVerifier,
)
from tool_services.framework.tools import JsonObject, Tool

LARGEST_REQUEST_BYTES = 64 * 1024
LONGEST_IDEMPOTENCY_KEY = 200


@dataclass(frozen=True)
class ServiceInfo:
    """What a service says about itself; `audience` is the one that its tokens must carry."""

    name: str
    package: str
    description: str
    audience: str
    capabilities: Mapping[str, bool] = field(default_factory=dict)


def make_service(
    info: ServiceInfo,
    tools: Sequence[Tool],
    *,
    verifier: TokenVerifier,
    check_database: Callable[[], object],
    instance_dir: Path,
) -> Flask:
    """A Flask app that lists `tools` to anybody and runs them for callers with a proper token.

    `check_database` raises a SQLAlchemyError while the service's tables can't be read.
    """
    app = Flask(info.package, static_folder=None, instance_path=str(instance_dir))
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_REQUEST_BYTES
    app.json = _json_in_written_order(app)
    for tool in tools:
        Draft202012Validator.check_schema(tool.input_schema)
    _describe(app, info, tools)
    _report_health(app, info, check_database)
    _accept_calls(app, tools, verifier)
    _show_previews(app, tools, verifier)
    _speak_mcp(app, info, tools, verifier)
    _say_who_gives_tokens(app, verifier)
    answer_errors_as_json(app)
    log_calls(app, info.name)
    app.after_request(_keep_private)
    return app


def _json_in_written_order(app: Flask) -> DefaultJSONProvider:
    provider = DefaultJSONProvider(app)
    provider.sort_keys = False
    return provider


def _describe(app: Flask, info: ServiceInfo, tools: Sequence[Tool]) -> None:
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
        return jsonify(tools=[tool.described() for tool in tools])


def _report_health(app: Flask, info: ServiceInfo, check_database: Callable[[], object]) -> None:
    @app.get("/health")
    def show_health() -> tuple[Response, int]:
        try:
            check_database()
        except SQLAlchemyError:
            message = DatabaseUnavailableError().message
            return jsonify(status="error", service=info.name, message=message), 503
        return jsonify(status="ok", service=info.name), 200


def _accept_calls(app: Flask, tools: Sequence[Tool], verifier: TokenVerifier) -> None:
    known = {tool.name: tool for tool in tools}

    @app.post("/tools/call")
    def call_tool() -> Response:
        record = begin_call()
        caller = verifier.caller(request.headers.get("Authorization"), CALL_SCOPE)
        record.user_id = caller.user_id
        body = _json_object(request.get_data())
        tool = _named_tool(known, body.get("name"))
        record.tool = tool.name
        arguments = body.get("arguments", {})
        check_arguments(tool.input_schema, arguments)
        return jsonify(result=tool.handler(arguments, _with_idempotency_key(caller)).as_json())


def _show_previews(app: Flask, tools: Sequence[Tool], verifier: TokenVerifier) -> None:
    """POST /tools/preview: what a call would do, as content blocks for the person to look at."""
    known = {tool.name: tool for tool in tools}

    @app.post("/tools/preview")
    def preview_call() -> Response:
        caller = verifier.caller(request.headers.get("Authorization"), CALL_SCOPE)
        body = _json_object(request.get_data())
        tool = _named_tool(known, body.get("name"))
        arguments = body.get("arguments", {})
        check_arguments(tool.input_schema, arguments)
        parts = tool.preview(arguments, caller) if tool.preview else ()
        return jsonify(content=[part.block(tool.name) for part in parts])


def _speak_mcp(
    app: Flask, info: ServiceInfo, tools: Sequence[Tool], verifier: TokenVerifier
) -> None:
    server = Server(
        name=info.name,
        version=__version__,
        instructions=info.description,
        tools={tool.name: tool for tool in tools},
        with_key=_with_idempotency_key,
        extensions={
            f"homestream/{name}": {}
            for name, offered in {
                **info.capabilities,
                "preview": any(tool.preview for tool in tools),
            }.items()
            if offered
        },
    )
    serve_mcp(app, server, verifier, origins=[info.audience, verifier.issuer])


def _say_who_gives_tokens(app: Flask, verifier: TokenVerifier) -> None:
    """RFC 9728. A client looks beneath the path that it calls, or at the root."""

    @app.get(METADATA_PATH)
    @app.get(f"{METADATA_PATH}/mcp")
    def show_metadata() -> Response:
        return jsonify(
            resource=verifier.audience,
            authorization_servers=[verifier.issuer],
            scopes_supported=[LIST_SCOPE, CALL_SCOPE],
            bearer_methods_supported=["header"],
        )


def _json_object(body: bytes) -> JsonObject:
    try:
        # Unlike the standard library's, this parser refuses NaN, lone surrogates and deep nesting.
        value = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise InvalidRequestError(f"The body is not JSON: {error}.") from error
    if not isinstance(value, dict):
        raise InvalidRequestError('The body must be a JSON object: {"name": …, "arguments": {…}}.')
    return value


def _named_tool(known: Mapping[str, Tool], name: object) -> Tool:
    if not isinstance(name, str):
        raise InvalidRequestError("The body must carry the tool's name as a text.")
    if name not in known:
        raise UnknownToolError(f"There is no tool {name[:60]!r}; the tools are {', '.join(known)}.")
    return known[name]


def _with_idempotency_key(caller: Caller) -> Caller:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not 0 < len(key) <= LONGEST_IDEMPOTENCY_KEY:
        limit = LONGEST_IDEMPOTENCY_KEY
        raise InvalidRequestError(f"An Idempotency-Key has between 1 and {limit} characters.")
    return replace(caller, idempotency_key=key)


def _keep_private(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
