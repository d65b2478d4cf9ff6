"""The links in mails, and the pages that they lead to."""

from __future__ import annotations

from functools import partial

from flask import Response, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.lifecycle import services


def link_to(endpoint: str, token: str) -> str:
    """Return the address of a page, as a mail has it."""
    return services().settings.app_url + url_for(endpoint, token=token)


def link_maker(endpoint: str) -> partial[str]:
    """Return what makes a link of a token."""
    return partial(link_to, endpoint)


def render_link_page(template: str, status: int = 200, **values: object) -> ResponseReturnValue:
    """Render a page whose address has a token. The browser tells nobody that address."""
    page: Response = make_response(render_template(template, **values), status)
    # Not no-referrer: the page's forms would come without an origin then, and be refused.
    page.headers["Referrer-Policy"] = "strict-origin"
    return page


def token_of_request() -> str:
    """Return the token in the form, the JSON body or the address."""
    given = request.get_json(silent=True) if request.is_json else request.values
    token = given.get("token", "") if isinstance(given, dict) else ""
    return token if isinstance(token, str) else ""
