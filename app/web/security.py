"""What holds for every request and response, whatever it is about."""

from __future__ import annotations

from collections.abc import Container
from functools import partial
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, request
from flask.json.provider import DefaultJSONProvider
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import URLSafeTimedSerializer
from werkzeug.datastructures import Headers

from app.errors import Forbidden, InputError
from app.json_input import parse_json

REPORTS_PATH = "/csp-reports"
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        f"report-uri {REPORTS_PATH}",
    )
)
_UNUSED_FEATURES = (
    *("accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "magnetometer"),
    *("microphone", "midi", "payment", "screen-wake-lock", "serial", "usb", "xr-spatial-tracking"),
)
_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in _UNUSED_FEATURES),
}
# For https alone: over http Chromium sends nothing there, and then nothing to report-uri either.
_REPORTING = {
    "Content-Security-Policy": f"{CONTENT_SECURITY_POLICY}; report-to csp",
    "Reporting-Endpoints": f'csp="{REPORTS_PATH}"',
}
_NOT_KEPT = {"Cache-Control": "private, no-store"}
_UNKNOWN_HOST = (
    "This program isn't known by the host name in this address. Use its usual address. If this "
    "should be one, set APP_URL to it or add the name to ALLOWED_HOSTS."
)
_AT_ANY_HOST = ("health.health", "health.streams")
"""Load balancers ask each node by its address, and all they learn is whether it is up."""


def asked_host() -> str:
    """Return the host that the request names, without port, in lower case; "" if it is no host."""
    try:
        return (urlsplit(f"//{request.host}").hostname or "").removesuffix(".")
    except ValueError:
        return ""


def _host_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


class _StrictJSON(DefaultJSONProvider):
    """Reads the JSON bodies of requests. Raises ValueError for what can't be stored or sent on."""

    def loads(self, s: str | bytes, **_options: Any) -> Any:
        return parse_json(s)


class _Sessions(SecureCookieSessionInterface):
    """Flask's sessions, with a serializer that is made once and not for every request.

    They are signed by HMAC-SHA256 in place of HMAC-SHA1.
    """

    digest_method = staticmethod(sha256)

    def __init__(self, app: Flask) -> None:
        self._serializer = super().get_signing_serializer(app)

    def get_signing_serializer(
        self,
        app: Flask,  # noqa: ARG002
    ) -> URLSafeTimedSerializer | None:
        return self._serializer


def init_app(app: Flask, *, secure: bool, hosts: Container[str]) -> None:
    """Hold every request and response to the rules. `hosts` are those that the app answers at."""
    app.session_interface = _Sessions(app)
    app.json = _StrictJSON(app)
    # Pages from elsewhere may not ask this one for anything, so nobody has to ask what they may.
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.before_request(partial(_refuse_unknown_hosts, hosts))
    app.before_request(_refuse_unreadable)
    app.before_request(_refuse_other_sites)
    always = {"X-Content-Type-Options": "nosniff"}
    if secure:
        always["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
    headers = _HEADERS | always | (_REPORTING if secure else {})

    @app.after_request
    def add_headers(response: Response) -> Response:
        # An event stream is no document: with nosniff it can't become one.
        named = always if response.mimetype == "text/event-stream" else headers
        # Whoever caches a static file must not cache that it was refused once.
        kept = request.endpoint == "static" and response.status_code < 400
        _add_missing(response.headers, named if kept else named | _NOT_KEPT)
        return response


def _add_missing(headers: Headers, wanted: dict[str, str]) -> None:
    """Add the headers that aren't there. `setdefault` would raise and catch an error for each,
    which took a twentieth of a request's time."""
    given = {name.lower() for name, _ in headers}
    for name, value in wanted.items():
        if name.lower() not in given:
            headers.add(name, value)


def _refuse_unknown_hosts(hosts: Container[str]) -> None:
    """Refuse a request for another host.

    A foreign name that leads to this address would make the app part of a foreign site, and links
    made from it would lead there.
    """
    known = "*" in hosts or asked_host() in hosts
    if not known and request.endpoint not in _AT_ANY_HOST:
        raise InputError(_UNKNOWN_HOST, field="Host", status=400)


def _refuse_unreadable() -> None:
    """Refuse an address that isn't UTF-8 or holds a NUL, which PostgreSQL can't take."""
    try:
        readable = "%00" not in request.query_string.decode() and "\0" not in request.path
    except UnicodeDecodeError:
        readable = False
    if not readable:
        raise InputError("This address can't be read.", field="address", status=400)


def _refuse_other_sites() -> None:
    """Refuse a change that comes from another site, as far as the browser says where from.

    The log-in forms have no session yet, and so no CSRF value.
    """
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return
    origin = request.headers.get("Origin")
    foreign = origin is not None and _host_of(origin) != request.host
    if foreign or request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site"):
        raise Forbidden("This request came from another site.")
