"""A run: its stream of fragments, its answer as it is now, stop and retry."""

from __future__ import annotations

from flask import (
    Blueprint,
    Response,
    current_app,
    g,
    jsonify,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue

from app.auth.sessions import csrf_token, current_user, expect_reader, let_in_expected, require_user
from app.conversations import check_run_owner, load_run
from app.db.models import Run, db
from app.errors import HomestreamError, TooMany, Unauthenticated
from app.rendering.answer import Answer
from app.rendering.htmx import Html, as_fragments, busy, closing_notice, partial
from app.rendering.message_page import load_answer
from app.services import services
from app.web.errors import handle_error, wants_json
from app.web.redirects import path_of, safe_next
from app.web.streaming import respond_with

bp = Blueprint("runs", __name__, url_prefix="/runs")


@bp.before_request
def let_in() -> None:
    run_id = (request.view_args or {}).get("run_id")
    if request.endpoint == "runs.events" and run_id and let_in_expected(run_id):
        g.checked_run = run_id
    else:
        require_user()


@bp.errorhandler(Unauthenticated)
def end_stream_of_signed_out(error: Unauthenticated) -> ResponseReturnValue:
    """End the stream of a reader who is signed out with a link to the log-in page. htmx would take
    a redirect for a fault and connect again without end."""
    if request.endpoint != "runs.events":
        return handle_error(error)
    run_id = str((request.view_args or {}).get("run_id", ""))
    back = safe_next(path_of(request.referrer))
    link = render_template("chat/_signed_out.html", run_id=run_id, back=back)
    return respond_with(closing_notice(run_id, link))


@bp.get("/<run_id>/events")
def events(run_id: str) -> Response:
    """The answer as it comes, in fragments for htmx. Always a stream that ends: the extension
    would take any other answer for a fault and ask again for ever."""
    try:
        if g.get("checked_run") != run_id:
            check_run_owner(current_user().id, run_id)
        connection = services().connections.open(current_user().id, run_id, "fragments")
    except TooMany:
        return respond_with(busy())
    except HomestreamError as error:
        notice = render_template("chat/_no_stream.html", run_id=run_id, error=error)
        return respond_with(closing_notice(run_id, notice))
    batches = services().subscriptions.subscribe(run_id)
    chunks = as_fragments(batches, Answer(run_id), html_for_reader())
    db.session.remove()
    return respond_with(chunks, services().connections, connection)


@bp.get("/<run_id>")
def run(run_id: str) -> ResponseReturnValue:
    """The answer as it is now, in what a stream's message holds: for tabs without a stream."""
    found = load_run(current_user().id, run_id)
    if not request.headers.get("HX-Request"):
        return redirect(
            url_for("conversations.conversation", conversation_id=found.conversation_id)
        )
    answer = load_answer(found, services().log)
    whole = partial(f"#a-{run_id}", "outerHTML", html_for_reader().answer(answer))
    return whole, {"Run-Status": answer.status}


@bp.post("/<run_id>/stop")
def stop(run_id: str) -> ResponseReturnValue:
    """Answers when the run has ended, and the connection to the model is closed."""
    run = load_run(current_user().id, run_id)
    conversation_id = run.conversation_id
    db.session.remove()
    services().runs.stop(run_id)
    if request.headers.get("HX-Request"):
        return "", 204
    if wants_json():
        status = load_run(current_user().id, run_id).status
        return jsonify(runId=run_id, conversationId=conversation_id, status=status)
    return redirect(url_for("conversations.conversation", conversation_id=conversation_id), 303)


@bp.post("/<run_id>/retry")
def retry(run_id: str) -> ResponseReturnValue:
    services().runs.check_room()
    run = services().runs.retry(current_user(), load_run(current_user().id, run_id))
    if request.headers.get("HX-Request"):
        expect_reader(run.id)
        return render_template("chat/_live.html", answer=just_begun(run))
    if wants_json():
        return jsonify(runId=run.id, conversationId=run.conversation_id), 201
    return redirect(url_for("conversations.watch", conversation_id=run.conversation_id), 303)


def just_begun(run: Run) -> Answer:
    return Answer(run.id, thinking="Thinking…")


def html_for_reader() -> Html:
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    return Html(app, csrf_token())
