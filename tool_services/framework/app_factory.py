"""Build a service: a Flask app with the tools' endpoints, errors as JSON, and a call log."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from flask import Flask, Response, jsonify
from flask.json.provider import JSONProvider
from pydantic_core import to_json

from tool_services.framework.call_log import log_calls
from tool_services.framework.database import check_tables, open_database
from tool_services.framework.error_responses import handle_errors
from tool_services.framework.http_endpoints import ServiceInfo, add_http_endpoints
from tool_services.framework.json_input import read_json
from tool_services.framework.mcp_endpoint import add_mcp_endpoint
from tool_services.framework.public_keys import JWKS_PATH
from tool_services.framework.running import Running
from tool_services.framework.scopes import may_only_read
from tool_services.framework.service import Service
from tool_services.framework.settings import stop
from tool_services.framework.tools import Tool

MAX_REQUEST_BYTES = 64 * 1024


class _JsonProvider(JSONProvider):
    """Writes and reads JSON with pydantic's library, which is faster than Python's own."""

    def dumps(self, obj: Any, **_options: Any) -> str:
        return to_json(obj).decode()

    def loads(self, s: str | bytes, **_options: Any) -> Any:
        return read_json(s.encode() if isinstance(s, str) else s)


def create_app(service: Service, settings: Any) -> Flask:
    """Create the app of a service, which lists its tools to anyone and runs them for callers.

    Its database, if it has one, is upgraded, and filled with samples if it is empty.
    """
    running = Running.of(service, settings)
    app = Flask(
        service.package,
        root_path=str(service.folder),
        static_folder=None,
        instance_path=str(settings.instance_dir),
    )
    app.config["MAX_CONTENT_LENGTH"] = MAX_REQUEST_BYTES
    # Pages of other sites may not call, so there are no preflight requests to answer.
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.json = _JsonProvider(app)
    running.attach(app)
    tools = offered_tools(service, settings)
    _add_endpoints(app, running, tools)
    if service.setup is not None:
        service.load(service.setup)(app)
    if service.database is not None:
        _open_database(app, service, settings, any(each.once_per_key for each in tools))
    return app


def offered_tools(service: Service, settings: Any) -> list[Tool]:
    """Return the tools that the service offers. Stops the program with a sentence if one can't
    be."""
    loaded = service.load(service.tools)
    offered = loaded(settings) if callable(loaded) else loaded
    tools = [each.of_service(service.name) for each in offered]
    names = [each.name for each in tools]
    if twice := {name for name in names if names.count(name) > 1}:
        stop(f"{service.name} has two tools called {min(twice)}. Rename the function of one.")
    for each in tools:
        _check_tool(each, service)
    return tools


def _check_tool(tool: Tool, service: Service) -> None:
    if tool.once_per_key and service.database is None:
        stop(f"{tool.name} is done once per key, which needs a database. Give {service.name} one.")
    if tool.reads_only and not may_only_read(tool.scope):
        stop(f"{tool.name} only reads, so its scope must end in :read, unlike {tool.scope}.")
    if not tool.reads_only and may_only_read(tool.scope):
        # Else whoever may read could call it.
        stop(
            f"{tool.name} changes something, but its scope {tool.scope} is one for reading. Rename"
            " the tool, or give it another scope."
        )


def _add_endpoints(app: Flask, running: Running, tools: Sequence[Tool]) -> None:
    service, verifier = running.service, running.verifier
    info = ServiceInfo(
        name=service.name,
        description=service.description,
        instructions=service.instructions,
        audience=verifier.audience,
        capabilities=dict.fromkeys(service.capabilities, True),
    )
    database = service.load(service.database)
    add_http_endpoints(app, info, tools, verifier, partial(check_tables, database))
    add_mcp_endpoint(app, info, tools, verifier)
    if (client := running.client) is not None:
        app.get(JWKS_PATH, endpoint="client_keys")(lambda: jsonify(client.jwks))
    handle_errors(app)
    log_calls(app, service.name)
    app.after_request(_add_private_headers)


def _open_database(app: Flask, service: Service, settings: Any, has_ledger: bool) -> None:
    setting = service.database_setting()
    open_database(
        app,
        service.load(service.database),
        setting=setting,
        url=getattr(settings, setting.lower()),
        samples=service.load(service.samples) if settings.sample_data else (),
        has_ledger=has_ledger,
    )


def _add_private_headers(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
