"""A run: its answer as it is now, stop and retry. Its stream is in run_events."""

from __future__ import annotations

from flask import Blueprint, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.auth.sessions import current_reader, current_user, require_user, stream_pass
from app.conversations.branches import versions_of
from app.conversations.ownership import load_conversation, load_run
from app.db.models import Message, Run, db
from app.lifecycle import services
from app.rendering.answer import just_begun
from app.rendering.displayed_messages import is_last, load_answer
from app.rendering.htmx import whole_answer
from app.web.branches import IN_PLACE
from app.web.error_responses import wants_json
from app.web.external_links import link_target
from app.web.pages import html_for, render_messages

bp = Blueprint("runs", __name__, url_prefix="/runs")
bp.before_request(require_user)


@bp.get("/<run_id>")
def show(run_id: str) -> ResponseReturnValue:
    """Send the answer as it is now, for a tab that polls because it can't have a stream."""
    run = load_run(current_user().id, run_id)
    if not request.headers.get("HX-Request"):
        return redirect(url_for("conversations.show", conversation_id=run.conversation_id))
    answer = load_answer(run, services().log, link_target(current_user().id))
    return whole_answer(answer, html_for(current_reader())), {"Run-Status": answer.status}


@bp.post("/<run_id>/stop")
def stop(run_id: str) -> ResponseReturnValue:
    """Stop the run. Respond once it has ended and the connection to the model is closed."""
    run = load_run(current_user().id, run_id)
    conversation_id = run.conversation_id
    db.session.remove()
    services().runs.stop(run_id)
    if request.headers.get("HX-Request"):
        return "", 204
    if wants_json():
        status = load_run(current_user().id, run_id).status
        return jsonify(runId=run_id, conversationId=conversation_id, status=status)
    return redirect(url_for("conversations.show", conversation_id=conversation_id), 303)


def _begin_in_place(run: Run, *, was_last: bool) -> ResponseReturnValue:
    """Show the new answer in the place of the old one, or also of what came after that."""
    passed = stream_pass(run.id)
    if was_last:
        versions = versions_of(db.session.get_one(Message, run.answer_id))
        return render_template(
            "runs/_live.html", answer=just_begun(run.id), stream_pass=passed, versions=versions
        )
    found = load_conversation(current_user().id, run.conversation_id)
    return render_messages(found, stream_pass=passed), IN_PLACE


@bp.post("/<run_id>/retry")
def retry(run_id: str) -> ResponseReturnValue:
    """Answer the question again. Responds like the question itself."""
    services().runs.check_room()
    old = load_run(current_user().id, run_id)
    was_last = is_last(old.answer)
    run = services().runs.retry(current_user(), old)
    if request.headers.get("HX-Request"):
        return _begin_in_place(run, was_last=was_last)
    if wants_json():
        return jsonify(runId=run.id, conversationId=run.conversation_id), 201
    return redirect(url_for("conversations.watch", conversation_id=run.conversation_id), 303)
