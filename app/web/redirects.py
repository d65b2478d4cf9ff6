"""Where a browser goes next: after signing in, to the log-in page, or to its own page again."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Response, request, url_for
from werkzeug.utils import redirect as _redirect

from app.web.drafts import keep_draft


def safe_next(target: str | None) -> str:
    """Return where to go after signing in: the target if it is a path of this app, else "/"."""
    if not target or not target.startswith("/") or not target.isprintable():
        return "/"
    # Browsers read a backslash as a slash, and what follows two slashes as a host.
    return "/" if target.startswith("//") or "\\" in target else target


def path_of(url: str | None) -> str:
    """Return the path of a URL that a header holds; "/" if there is none."""
    try:
        return urlsplit(url or "/").path
    except ValueError:
        return "/"


def redirect(target: str) -> Response:
    """See other, by GET."""
    response: Response = _redirect(target, 303, Response=Response)  # type: ignore[assignment]
    return response


def to_login() -> Response:
    """Lead to the log-in page and from there back here. What was typed comes back, too."""
    keep_draft()
    by_link = request.method == "GET" and not request.headers.get("HX-Request")
    here = request.full_path.rstrip("?") if by_link else _page_path()
    target = url_for("auth.login_form", next=safe_next(here))
    if request.headers.get("HX-Request"):
        return Response(status=401, headers={"HX-Redirect": target})
    return redirect(target)


def to_password() -> Response:
    """Lead to where the person gives their password again, and from there back to their page."""
    target = url_for("account.confirm_form", next=safe_next(_page_path()))
    if request.headers.get("HX-Request"):
        return Response(status=403, headers={"HX-Redirect": target})
    return redirect(target)


def to_email_address() -> Response:
    """Lead to where the person confirms their address."""
    target = url_for("email_addresses.show")
    if request.headers.get("HX-Request"):
        return Response(status=403, headers={"HX-Redirect": target})
    return redirect(target)


def load_again() -> Response:
    """Have htmx load the page as it is in this session, with what was typed."""
    keep_draft()
    return Response(status=403, headers={"HX-Redirect": safe_next(_page_path())})


def _page_path() -> str:
    return path_of(request.headers.get("HX-Current-URL") or request.referrer)
