"""Asking a question: the first of a conversation, and the next ones."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.auth.sessions import current_user, require_user, stream_pass
from app.conversations.ownership import load_conversation
from app.db.models import Message, Run, db
from app.db.queue_models import QueuedQuestion
from app.errors import HomestreamError, NotFound
from app.lifecycle import services
from app.rendering.answer import just_begun
from app.rendering.displayed_messages import DisplayedMessage, question_of
from app.runs.ask_retry_stop import clean_question
from app.web.drafts import typed_question
from app.web.error_responses import error_headers
from app.web.files import allow_files, has_uploads, read_uploads
from app.web.pages import render_conversation, render_news, render_start
from app.web.worker_room import check_room

bp = Blueprint("questions", __name__, url_prefix="/conversations")
bp.before_request(check_room)
bp.before_request(allow_files)
bp.before_request(require_user)


@bp.post("")
def ask_first() -> ResponseReturnValue:
    """Ask the first question of a new conversation."""
    try:
        run = _ask_by_form()
    except HomestreamError as error:
        return _show_beside_composer(error, render_start)
    if request.headers.get("HX-Request"):
        return _begin_in_place(run)
    return redirect(url_for("conversations.watch", conversation_id=run.conversation_id), 303)


@bp.post("/<conversation_id>/messages")
def ask(conversation_id: str) -> ResponseReturnValue:
    """Ask the next question of a conversation, or queue it while an answer is being written."""
    try:
        asked = _ask_by_form(conversation_id)
    except NotFound:
        raise
    except HomestreamError as error:
        found = load_conversation(current_user().id, conversation_id)
        return _show_beside_composer(error, lambda **values: render_conversation(found, **values))
    if request.headers.get("HX-Request"):
        if isinstance(asked, QueuedQuestion):
            found = load_conversation(current_user().id, conversation_id)
            return render_news(found, request.form.get("since")), 202
        return render_template(
            "conversations/_exchange.html",
            message=_question_of(asked),
            answer=just_begun(asked.id),
            model=asked.model,
            stream_pass=stream_pass(asked.id),
        )
    return redirect(url_for("conversations.watch", conversation_id=conversation_id), 303)


def _begin_in_place(run: Run | QueuedQuestion) -> ResponseReturnValue:
    """Show the new conversation in the page that is there: its scripts and styles need no loading,
    so the first words come sooner."""
    found = load_conversation(current_user().id, run.conversation_id)
    here = url_for("conversations.show", conversation_id=found.id)
    page = render_conversation(found, stream_pass=stream_pass(run.id))
    return page, {"HX-Push-Url": here, "HX-Retarget": "body", "HX-Reswap": "innerHTML"}


def _ask_by_form(conversation_id: str | None = None) -> Run | QueuedQuestion:
    """Store the form's question with a run, and start that; or queue it. Raises HomestreamError."""
    text, key = request.form.get("message"), request.form.get("key")
    temporary = request.form.get("temporary") == "true"
    return services().runs.ask(
        current_user(),
        text,
        conversation_id,
        key,
        temporary=temporary,
        queue=True,
        model=request.form.get("model"),
        files=read_uploads(),
    )


def _question_of(run: Run) -> DisplayedMessage:
    """Return the form's question, or the stored one if the form was sent before."""
    if run in db.session:
        return question_of(run, db.session.get_one(Message, run.id).content, has_files=True)
    return question_of(run, clean_question(request.form.get("message")), has_files=has_uploads())


def _show_beside_composer(error: HomestreamError, page: Callable[..., str]) -> ResponseReturnValue:
    """Show the page again, with the question in its field and the reason beside it.

    htmx leaves the question where it is, and needs only the reason.
    """
    if request.headers.get("HX-Request"):
        raise error
    db.session.rollback()
    return page(notice=error.message, draft=typed_question()), error.status, error_headers(error)
