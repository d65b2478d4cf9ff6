"""Where a browser goes next: after signing in, to the log-in page, or to its own page again."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Response, request, session, url_for
from werkzeug.utils import redirect as _redirect

_LONGEST_DRAFT = 2_000


def safe_next(target: str | None) -> str:
    """Where to go after signing in: a path of this app, else the start page."""
    if not target or not target.startswith("/") or not target.isprintable():
        return "/"
    # Browsers read a backslash as a slash, and what follows two slashes as a host.
    return "/" if target.startswith("//") or "\\" in target else target


def redirect(target: str) -> Response:
    """See other, by GET."""
    response: Response = _redirect(target, 303, Response=Response)  # type: ignore[assignment]
    return response


def to_login() -> Response:
    """The way to the login page and back here. What was typed comes back too."""
    _keep_draft()
    by_link = request.method == "GET" and not request.headers.get("HX-Request")
    here = request.full_path.rstrip("?") if by_link else _page_path()
    target = url_for("auth.login_form", next=safe_next(here))
    if request.headers.get("HX-Request"):
        return Response(status=401, headers={"HX-Redirect": target})
    return redirect(target)


def load_again() -> Response:
    """For htmx: the page as it is in this session, with what was typed."""
    _keep_draft()
    return Response(status=403, headers={"HX-Redirect": safe_next(_page_path())})


def _keep_draft() -> None:
    if request.method == "POST":
        session["draft"] = request.form.get("message", "")[:_LONGEST_DRAFT]


def _page_path() -> str:
    return urlsplit(request.headers.get("HX-Current-URL") or request.referrer or "/").path
