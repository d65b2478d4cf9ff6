"""The stream of a run's events, as fragments of HTML for htmx."""

from __future__ import annotations

from flask import Blueprint, Response, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.auth.sessions import access_cookie, current_reader, require_user
from app.auth.stream_passes import Reader, read_pass
from app.conversations.ownership import check_run_owner
from app.db.models import db
from app.errors import HomestreamError, TooMany, Unauthenticated
from app.lifecycle import services
from app.rendering.answer import AnswerView
from app.rendering.htmx import as_fragments, busy, closing_notice
from app.web.external_links import link_target
from app.web.pages import html_for
from app.web.redirects import path_of, safe_next
from app.web.streaming import respond_with

bp = Blueprint("run_events", __name__)


@bp.get("/runs/<run_id>/events")
def stream(run_id: str) -> ResponseReturnValue:
    """Stream the answer as it comes.

    Always respond with a stream that ends: htmx's extension would take any other response for a
    fault, and connect again without end.
    """
    try:
        reader = _reader(run_id)
        connection = services().connections.open(
            reader.user_id, reader.session_id, run_id, "fragments"
        )
    except TooMany:
        return respond_with(busy())
    except Unauthenticated:
        return _end_with("runs/_signed_out.html", run_id, sign_in=_sign_in())
    except HomestreamError as error:
        return _end_with("runs/_no_stream.html", run_id, error=error)
    batches = services().subscriptions.subscribe(run_id, connection=connection)
    answer = AnswerView(run_id, target=link_target(reader.user_id))
    chunks = as_fragments(batches, answer, html_for(reader), _sign_in())
    db.session.remove()
    return respond_with(chunks, services().connections, connection)


def _reader(run_id: str) -> Reader:
    """Return who reads, if they may. Raises Unauthenticated and NotFound."""
    text, cookie = request.args.get("pass"), access_cookie()
    if text and cookie and (reader := read_pass(text, run_id, cookie)):
        return reader
    require_user()
    reader = current_reader()
    check_run_owner(reader.user_id, run_id)
    return reader


def _sign_in() -> str:
    """Return the address of the log-in page, which leads back to this one."""
    return url_for("auth.login_form", next=safe_next(path_of(request.referrer)))


def _end_with(template: str, run_id: str, **values: object) -> Response:
    return respond_with(closing_notice(run_id, render_template(template, run_id=run_id, **values)))
