"""A check for operators: does what is sent piece by piece arrive piece by piece?"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import gevent
from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue

from app.auth.sessions import require_user
from app.rendering.sse import sse
from app.web.streaming import respond_with

bp = Blueprint("streaming_check", __name__)
bp.before_request(require_user)

PIECES = 20
PACE = 0.1  # seconds

_HERE = "<!-- the pieces -->"


@bp.get("/streaming-check")
def page() -> ResponseReturnValue:
    """Send the page itself piece by piece, for those who look at it without scripts."""
    html = render_template("streaming_check/page.html", here=_HERE, pieces=PIECES, pace=PACE)
    head, tail = html.split(_HERE)
    return respond_with(_page(head, tail), mimetype="text/html")


@bp.get("/streaming-check/events")
def events() -> Response:
    """Stream `piece` events with a number and the milliseconds since the first, then `end`."""
    last = request.headers.get("Last-Event-ID", "")
    first = int(last) + 1 if last.isascii() and last.isdigit() and len(last) < 4 else 1
    return respond_with(_events(first))


def _events(first: int) -> Iterator[str]:
    started = time.monotonic()
    for number in range(first, PIECES + 1):
        piece = {"number": number, "ms": round((time.monotonic() - started) * 1000)}
        yield sse("piece", json.dumps(piece), id=number)
        gevent.sleep(PACE)
    yield sse("end", "{}", id=PIECES)


def _page(head: str, tail: str) -> Iterator[str]:
    yield head
    for number in range(1, PIECES + 1):
        yield f"<li>{number}</li>\n"
        gevent.sleep(PACE)
    yield tail
