"""Every error as JSON: {"error": {"code", "message"}}."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from flask import Flask, Response, jsonify, request
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException

from tool_services.framework.errors import DatabaseUnavailableError, ServiceError

logger = logging.getLogger("tool_services.errors")

UNEXPECTED = "Something went wrong in the service. It has been logged."


def handle_errors(app: Flask) -> None:
    """Answer the service's own errors, HTTP errors and unexpected ones as JSON."""
    app.register_error_handler(ServiceError, _service_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(OperationalError, lambda error: _service_error(database_away(error)))
    app.register_error_handler(Exception, _unexpected_error)


def database_away(error: OperationalError) -> DatabaseUnavailableError:
    """Log why the database can't be reached. Return the error for the caller."""
    logger.error("The database can't be reached: %s", error.orig)
    return DatabaseUnavailableError()


def log_unexpected(error: Exception) -> None:
    """Log a traceback with the route, not the path, which could contain a newline."""
    logger.error("Unexpected error at %s %s", request.method, request.url_rule, exc_info=error)


def _response(
    status: int, code: str, message: str, headers: Mapping[str, str] | None = None
) -> Response:
    response = jsonify(error={"code": code, "message": message})
    response.status_code = status
    response.headers.update(headers or {})
    return response


def _service_error(error: ServiceError) -> Response:
    return _response(error.status, error.code, error.message, error.headers)


def _unexpected_error(error: Exception) -> Response:
    log_unexpected(error)
    return _response(500, "internal_error", UNEXPECTED)


def _http_error(error: HTTPException) -> Response:
    status = error.code or 500
    sentences = {
        404: f"There is nothing at {request.path}. See /info, /tools and /health.",
        405: f"{request.path} doesn't allow {request.method}.",
        413: "The request is too large.",
    }
    code = error.name.lower().replace(" ", "_")
    message = sentences.get(status) or error.description or error.name
    allowed = getattr(error, "valid_methods", None)
    return _response(status, code, message, {"Allow": ", ".join(allowed)} if allowed else None)
