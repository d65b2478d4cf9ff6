"""Errors as answers: JSON for programs, a fragment for htmx, a page for browsers."""

from __future__ import annotations

import logging

from flask import Flask, Response, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from app.db.connection import is_unavailable
from app.errors import HomestreamError, StaleForm, TooMany, Unauthenticated, Unavailable
from app.web.redirects import load_again, to_login

log = logging.getLogger(__name__)


_JSON_PATHS = ("/agents/", "/sse/", "/oauth/", "/.well-known/", "/health")


_SENTENCES = {
    400: "The request can't be read.",
    404: "There is nothing at this address.",
    405: "This address doesn't take that kind of request.",
    413: "That is too much at once: send less.",
    415: "Send JSON, with the Content-Type application/json.",
    429: "Too many tries: wait a minute, then try again.",
}


def wants_json() -> bool:
    """Whether a program asks rather than a browser, which always says that it takes HTML."""
    if request.path.startswith(_JSON_PATHS) or request.is_json:
        return True
    accept = request.headers.get("Accept", "")
    if request.headers.get("HX-Request") or "text/html" in accept:
        return False
    return "Authorization" in request.headers or "application/json" in accept


def render_error(error: HomestreamError) -> ResponseReturnValue:
    """The error as JSON, as a fragment for htmx, or as a page."""
    headers = {}
    if isinstance(error, TooMany | Unavailable):
        headers["Retry-After"] = str(error.retry_after)
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if wants_json():
        body = {"code": error.code, "message": error.message, "retryable": error.retryable}
        return jsonify(error=body), error.status, headers
    if request.headers.get("HX-Request"):
        headers |= {"HX-Retarget": "#notice", "HX-Reswap": "innerHTML"}
        return render_template("_notice.html", message=error.message), error.status, headers
    # A body that was too large to take can't be shown again either.
    typed = "" if error.status == 413 else request.form.get("message", "")
    page = render_template("error.html", error=error, typed=typed, back=request.referrer)
    return page, error.status, headers


def init_app(app: Flask) -> None:
    app.register_error_handler(HomestreamError, handle_error)
    app.register_error_handler(HTTPException, _answer_http)
    app.register_error_handler(Exception, _answer_unexpected)


def handle_error(error: HomestreamError) -> ResponseReturnValue:
    """Answer with the error, or lead a browser on where it has to sign in or load the page."""
    if isinstance(error, Unauthenticated) and not wants_json() and request.blueprint != "auth":
        return to_login()
    if isinstance(error, StaleForm) and request.headers.get("HX-Request"):
        return load_again()
    return render_error(error)


def _answer_http(error: HTTPException) -> ResponseReturnValue | Response:
    if error.code is None or error.code < 400:
        return error.get_response()
    known = HomestreamError(_SENTENCES.get(error.code, "The request can't be served."), code="http")
    known.status = error.code
    return render_error(known)


def _answer_unexpected(error: Exception) -> ResponseReturnValue:
    if is_unavailable(error):
        log.warning("%s %s: the database is away: %s", request.method, request.path, error)
        return render_error(
            Unavailable("The database can't be reached just now: try again in a moment.")
        )
    log.error("%s %s failed", request.method, request.path, exc_info=error)
    return render_error(HomestreamError("Something went wrong here. It has been noted; try again."))
