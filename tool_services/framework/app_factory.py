"""Build a service: a Flask app with the tools' endpoints, errors as JSON, and a call log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from flask import Flask, Response
from flask.json.provider import DefaultJSONProvider

from tool_services.framework.call_log import log_calls
from tool_services.framework.error_responses import handle_errors
from tool_services.framework.http_endpoints import ServiceInfo, add_http_endpoints
from tool_services.framework.mcp_endpoint import add_mcp_endpoint
from tool_services.framework.tokens import TokenVerifier
from tool_services.framework.tools import Tool

MAX_REQUEST_BYTES = 64 * 1024


def create_service_app(
    info: ServiceInfo,
    tools: Sequence[Tool],
    *,
    verifier: TokenVerifier,
    check_database: Callable[[], object],
    instance_dir: Path,
) -> Flask:
    """Create an app that lists `tools` to anyone and runs them for callers with a valid token.

    `check_database` raises a SQLAlchemyError while the service's tables can't be read.
    """
    app = Flask(info.package, static_folder=None, instance_path=str(instance_dir))
    app.config["MAX_CONTENT_LENGTH"] = MAX_REQUEST_BYTES
    # Pages of other sites may not call, so there are no preflight requests to answer.
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.json = _keep_key_order(app)
    add_http_endpoints(app, info, tools, verifier, check_database)
    add_mcp_endpoint(app, info, tools, verifier)
    handle_errors(app)
    log_calls(app, info.name)
    app.after_request(_add_private_headers)
    return app


def _keep_key_order(app: Flask) -> DefaultJSONProvider:
    provider = DefaultJSONProvider(app)
    provider.sort_keys = False
    return provider


def _add_private_headers(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
