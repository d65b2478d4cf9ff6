"""Build a service: a Flask app with the tools' endpoints, errors as JSON, and a call log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from flask import Flask, Response, jsonify
from flask.json.provider import JSONProvider
from pydantic_core import to_json

from tool_services.framework.call_log import log_calls
from tool_services.framework.error_responses import handle_errors
from tool_services.framework.http_endpoints import ServiceInfo, add_http_endpoints
from tool_services.framework.json_input import read_json
from tool_services.framework.mcp_endpoint import add_mcp_endpoint
from tool_services.framework.public_keys import JWKS_PATH
from tool_services.framework.service_client import ServiceClient
from tool_services.framework.tokens import TokenVerifier
from tool_services.framework.tools import Tool

MAX_REQUEST_BYTES = 64 * 1024


class _JsonProvider(JSONProvider):
    """Writes and reads JSON with pydantic's library, which is faster than Python's own."""

    def dumps(self, obj: Any, **_options: Any) -> str:
        return to_json(obj).decode()

    def loads(self, s: str | bytes, **_options: Any) -> Any:
        return read_json(s.encode() if isinstance(s, str) else s)


def create_service_app(
    info: ServiceInfo,
    tools: Sequence[Tool],
    *,
    verifier: TokenVerifier,
    check_database: Callable[[], object],
    instance_dir: Path,
    client: ServiceClient | None = None,
) -> Flask:
    """Create an app that lists `tools` to anyone and runs them for callers with a valid token.

    `check_database` raises a SQLAlchemyError while the service's tables can't be read. `client` is
    given by a service that asks others, whose key the app looks up here.
    """
    app = Flask(info.package, static_folder=None, instance_path=str(instance_dir))
    app.config["MAX_CONTENT_LENGTH"] = MAX_REQUEST_BYTES
    # Pages of other sites may not call, so there are no preflight requests to answer.
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.json = _JsonProvider(app)
    add_http_endpoints(app, info, tools, verifier, check_database)
    add_mcp_endpoint(app, info, tools, verifier)
    if client is not None:
        app.get(JWKS_PATH, endpoint="client_keys")(lambda: jsonify(client.jwks))
    handle_errors(app)
    log_calls(app, info.name)
    app.after_request(_add_private_headers)
    return app


def _add_private_headers(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
