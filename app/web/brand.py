"""The icon, and the stylesheet with the accent colours, from the folder that BRAND names."""

from __future__ import annotations

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from app.lifecycle import services

bp = Blueprint("brand", __name__, url_prefix="/brand")


@bp.get("/icon.svg")
def icon() -> ResponseReturnValue:
    return _file(services().settings.brand.icon, "image/svg+xml")


@bp.get("/colours.css")
def colours() -> ResponseReturnValue:
    return _file(services().settings.brand.stylesheet.encode(), "text/css")


def _file(content: bytes, media_type: str) -> Response:
    """Answer as for a static file: kept by browsers, which ask whether it has changed."""
    response = Response(content, mimetype=media_type)
    response.cache_control.no_cache = True
    response.add_etag()
    response.make_conditional(request)
    return response
