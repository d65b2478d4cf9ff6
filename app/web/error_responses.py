"""Errors as responses: JSON for programs, a fragment for htmx, a page for browsers."""

from __future__ import annotations

import logging

from flask import Flask, Response, jsonify, render_template, request
from flask.globals import request_ctx
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from app.db.connection import is_unavailable
from app.errors import (
    EmailUnverified,
    HomestreamError,
    PasswordNeeded,
    StaleForm,
    TooMany,
    Unauthenticated,
    Unavailable,
)
from app.texts import later
from app.web.drafts import typed_question
from app.web.pages import render_front
from app.web.redirects import load_again, to_email_address, to_login, to_password

log = logging.getLogger(__name__)

_JSON_PATHS = ("/agents/", "/sse/", "/oauth/", "/.well-known/", "/health", "/csp-reports")
_SENTENCES = {
    400: later("The request can't be read."),
    404: later("There is nothing at this address."),
    405: later("This address doesn't take that kind of request."),
    408: later("The request took too long to arrive."),
    413: later("That is too much at once: send less."),
    415: "Send JSON, with the Content-Type application/json.",
    429: later("Too many tries: wait a minute, then try again."),
}


def init_app(app: Flask) -> None:
    app.register_error_handler(HomestreamError, handle_error)
    app.register_error_handler(HTTPException, _handle_http_error)
    app.register_error_handler(Exception, _handle_unexpected)


def wants_json() -> bool:
    """Whether a program asks. A browser always says that it takes HTML."""
    if request.path.startswith(_JSON_PATHS) or request.is_json:
        return True
    accept = request.headers.get("Accept", "")
    if request.headers.get("HX-Request") or "text/html" in accept:
        return False
    return "Authorization" in request.headers or "application/json" in accept


def handle_error(error: HomestreamError) -> ResponseReturnValue:
    """Respond with the error, or lead a browser to where it signs in or loads the page again."""
    if isinstance(error, Unauthenticated) and not wants_json() and request.blueprint != "auth":
        return render_front() if _asks_for_front() else to_login()
    if isinstance(error, PasswordNeeded) and not wants_json():
        return to_password()
    if isinstance(error, EmailUnverified) and request.method == "GET" and not wants_json():
        return to_email_address()
    if isinstance(error, StaleForm) and request.headers.get("HX-Request"):
        return load_again()
    return render_error(error)


def _asks_for_front() -> bool:
    """Whether a browser asks for the address itself, where a newcomer learns what is here."""
    is_page = request.method in ("GET", "HEAD") and not request.headers.get("HX-Request")
    return is_page and request.endpoint == "conversations.start_page"


def error_headers(error: HomestreamError) -> dict[str, str]:
    """Return what the headers say of an error."""
    headers = {}
    if isinstance(error, TooMany | Unavailable):
        headers["Retry-After"] = str(error.retry_after)
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return headers


def render_error(error: HomestreamError) -> ResponseReturnValue:
    """Render the error as JSON, as a fragment for htmx, or as a page."""
    headers = error_headers(error)
    if wants_json():
        body = {"code": error.code, "message": error.message, "retryable": error.retryable}
        return jsonify(error=body), error.status, headers
    if request.headers.get("HX-Request"):
        headers |= {"HX-Retarget": "#notice", "HX-Reswap": "innerHTML"}
        return render_template("_notice.html", message=error.message), error.status, headers
    return _page(error), error.status, headers


def _page(error: HomestreamError) -> str | Response:
    if request_ctx.url_adapter is None:
        # The Host header can't be read, so no link can be made.
        return Response(f"{error.message}\n", mimetype="text/plain")
    return render_template("error.html", error=error, typed=typed_question())


def _handle_http_error(error: HTTPException) -> ResponseReturnValue | Response:
    if error.code is None or error.code < 400:
        return error.get_response()
    known = HomestreamError(
        _SENTENCES.get(error.code, later("The request can't be served.")), code="http"
    )
    known.status = error.code
    return render_error(known)


def _handle_unexpected(error: Exception) -> ResponseReturnValue:
    if is_unavailable(error):
        log.warning("%s %r: the database is away: %s", request.method, request.path, error)
        return render_error(
            Unavailable(later("The database can't be reached just now: try again in a moment."))
        )
    log.error("%s %r failed", request.method, request.path, exc_info=error)
    return render_error(
        HomestreamError(later("Something went wrong here. It has been noted; try again."))
    )
