"""The errors that the program raises on purpose.

HomestreamError            code, message (a sentence for the person), status, retryable
├── InputError             422, field: what was typed is wrong
├── Unauthenticated        401: nobody is signed in
├── Forbidden              403: signed in, but not like this
├── NotFound               404: not there, or not the caller's
├── Conflict               409: not now, or there already
├── TooMany                429 or 503, retry_after: a limit is reached
├── Away                   503, retry_after: the database or Redis can't be reached now
│   └── Full               this worker has as much to do as it can
├── ModelError             the model's endpoint failed
│   ├── ModelUnavailable   retryable: network, 429, 5xx, time-out, cut off
│   └── ModelRefused       not retryable: bad key, bad request, context too long
├── RunFailed              the run as a whole ended early: time-out, too many tool failures
└── ToolFailure            told to the model, which goes on
"""

from __future__ import annotations

import logging

from flask import Flask, Response, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from app.db.connection import is_unavailable

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


class HomestreamError(Exception):
    """`code` is for programs, `message` for people; `retryable` says whether again may help."""

    status = 500
    code = "internal"
    retryable = False

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.code


class InputError(HomestreamError):
    status = 422
    code = "invalid_input"

    def __init__(self, message: str, *, field: str = "message", status: int | None = None) -> None:
        super().__init__(message)
        self.field = field
        self.status = status or self.status


class Unauthenticated(HomestreamError):
    status = 401
    code = "unauthenticated"


class Forbidden(HomestreamError):
    status = 403
    code = "forbidden"


class NotFound(HomestreamError):
    status = 404
    code = "not_found"


class Conflict(HomestreamError):
    status = 409
    code = "conflict"
    retryable = True


class TooMany(HomestreamError):
    """`status` 429 when the caller's own limit is reached, 503 when everybody's is."""

    retryable = True

    def __init__(self, message: str, *, code: str, own: bool, retry_after: int = 5) -> None:
        super().__init__(message, code=code)
        self.status = 429 if own else 503
        self.retry_after = retry_after


class Unavailable(HomestreamError):
    status = 503
    code = "away"
    retryable = True
    retry_after = 5


class WorkerFull(Unavailable):
    code = "full"


class ModelError(HomestreamError):
    status = 502
    code = "model_error"


class ModelUnavailable(ModelError):
    """`retry_after` is what the endpoint asked for, in seconds, or None."""

    code = "model_unavailable"
    retryable = True

    def __init__(
        self, message: str, *, code: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after


class ModelRefused(ModelError):
    code = "model_refused"


class RunFailed(HomestreamError):
    status = 504
    code = "run_failed"
    retryable = True


class ToolFailure(HomestreamError):
    status = 502
    code = "tool_failed"


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
    app.register_error_handler(HomestreamError, render_error)
    app.register_error_handler(HTTPException, _answer_http)
    app.register_error_handler(Exception, _answer_unexpected)


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
