"""Every error as JSON with a sentence: {"error": {"code", "message"}}."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from flask import Flask, Response, jsonify, request
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException

from tool_services.framework.errors import DatabaseUnavailableError, ServiceError

logger = logging.getLogger("tool_services.framework.errors")


def answer_errors_as_json(app: Flask) -> None:
    """Cover the service's own errors, those of HTTP, and the unexpected."""
    app.register_error_handler(ServiceError, _answer_service_error)
    app.register_error_handler(HTTPException, _answer_http_error)
    app.register_error_handler(OperationalError, _answer_database_away)
    app.register_error_handler(Exception, _answer_unexpected)


def _answer(
    status: int, code: str, message: str, headers: Mapping[str, str] | None = None
) -> Response:
    response = jsonify(error={"code": code, "message": message})
    response.status_code = status
    response.headers.update(headers or {})
    return response


def _answer_service_error(error: ServiceError) -> Response:
    return _answer(error.status, error.code, error.message, error.headers)


def _answer_database_away(error: OperationalError) -> Response:
    logger.error("The database can't be reached: %s", error.orig)
    return _answer_service_error(DatabaseUnavailableError())


def _answer_unexpected(error: Exception) -> Response:
    logger.exception("An unexpected error", exc_info=error)
    message = "Something went wrong in the service; it has been logged."
    return _answer(500, "internal_error", message)


def _answer_http_error(error: HTTPException) -> Response:
    status = error.code or 500
    sentences = {
        404: f"There is nothing at {request.path}; /info, /tools and /health say what there is.",
        405: f"{request.path} can't be used with {request.method}.",
        413: "The request is too large.",
    }
    code = error.name.lower().replace(" ", "_")
    response = _answer(status, code, sentences.get(status, error.description or error.name))
    allowed = getattr(error, "valid_methods", None)
    if allowed:
        response.headers["Allow"] = ", ".join(allowed)
    return response
