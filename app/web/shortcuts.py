"""The list of keyboard shortcuts."""

from __future__ import annotations

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from app.auth.sessions import require_user
from app.web.pages import render_page

bp = Blueprint("shortcuts", __name__)
bp.before_request(require_user)


@bp.get("/shortcuts")
def show() -> ResponseReturnValue:
    """List the shortcuts: a page, or what a dialog shows of it."""
    if request.headers.get("HX-Request"):
        return render_template("shortcuts/_list.html", dialog=True)
    return render_page("shortcuts/show.html")
