"""A self-test for operators: does what is sent piece by piece arrive piece by piece?"""

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
PACE = 0.1

_HERE = "<!-- the pieces -->"


@bp.get("/streaming-check")
def page() -> ResponseReturnValue:
    """The page is itself sent piece by piece, for those who look at it without a script."""
    html = render_template("streaming_check/page.html", here=_HERE, pieces=PIECES, pace=PACE)
    head, tail = html.split(_HERE)
    return respond_with(_page(head, tail), mimetype="text/html")


@bp.get("/streaming-check/events")
def events() -> Response:
    """`piece` events with their number and the milliseconds since the first, then `end`."""
    reached = request.headers.get("Last-Event-ID", "")
    begin = int(reached) if reached.isascii() and reached.isdigit() and len(reached) < 4 else 0
    return respond_with(_events(begin))


def _events(begin: int) -> Iterator[str]:
    started = time.monotonic()
    for number in range(begin + 1, PIECES + 1):
        told = {"number": number, "ms": round((time.monotonic() - started) * 1000)}
        yield sse("piece", json.dumps(told), id=number)
        gevent.sleep(PACE)
    yield sse("end", "{}", id=PIECES)


def _page(head: str, tail: str) -> Iterator[str]:
    yield head
    for number in range(1, PIECES + 1):
        yield f"<li>{number}</li>\n"
        gevent.sleep(PACE)
    yield tail
