"""Other versions of a message: editing a question, and choosing which version counts."""

from __future__ import annotations

from flask import Blueprint, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.auth.sessions import current_user, require_user, stream_pass
from app.conversations.branches import versions_of
from app.conversations.ownership import load_conversation, load_message
from app.db.models import Message, db
from app.errors import HomestreamError, NotFound
from app.lifecycle import services
from app.rendering.displayed_messages import page_of
from app.web.drafts import typed_question
from app.web.error_responses import error_headers, wants_json
from app.web.pages import render_messages, render_page
from app.web.worker_room import check_room

bp = Blueprint("branches", __name__, url_prefix="/messages")
bp.before_request(require_user)

IN_PLACE = {"HX-Retarget": "#messages", "HX-Reswap": "innerHTML"}


@bp.get("/<message_id>/versions")
def list_versions(message_id: str) -> ResponseReturnValue:
    """List the versions of a message of the current branch, oldest first."""
    message = load_message(current_user().id, message_id)
    versions = versions_of(message)
    ids = versions.ids if versions else [message.id]
    current = ids[versions.number - 1] if versions else message.id
    return jsonify(versions=[{"id": id, "current": id == current} for id in ids])


@bp.post("/<message_id>/choose")
def choose(message_id: str) -> ResponseReturnValue:
    """Make a version the one that the conversation goes on from."""
    message = load_message(current_user().id, message_id)
    services().runs.choose(current_user(), message)
    if wants_json():
        return jsonify(id=message.id, conversationId=message.conversation_id)
    before = page_of(message)
    here = url_for(
        "conversations.show",
        conversation_id=message.conversation_id,
        before=before,
        _anchor=f"m-{message.id}",
    )
    if not request.headers.get("HX-Request"):
        return redirect(here, 303)
    if before is not None:
        return "", 204, {"HX-Redirect": here}
    return _in_place(message)


@bp.get("/<message_id>/edit")
def edit_form(message_id: str) -> ResponseReturnValue:
    """Show the form that edits a question: a page, or what htmx puts in the question's place."""
    question = _load_question(message_id)
    if request.headers.get("HX-Request"):
        return render_template("messages/_edit_form.html", question=question, typed=None)
    return render_page("messages/edit.html", question=question, typed=None)


@bp.post("/<message_id>/edit")
def edit(message_id: str) -> ResponseReturnValue:
    """Ask a question as it was edited. The old one stays as another version."""
    check_room()
    question = _load_question(message_id)
    body = request.get_json(silent=True) if request.is_json else request.form
    fields = body if isinstance(body, dict) else {}
    try:
        run = services().runs.edit(
            current_user(), question, fields.get("message"), _text(fields.get("key"))
        )
    except HomestreamError as error:
        if wants_json() or request.headers.get("HX-Request"):
            raise
        db.session.rollback()
        page = render_page(
            "messages/edit.html", question=question, typed=typed_question(), problem=error.message
        )
        return page, error.status, error_headers(error)
    if wants_json():
        return jsonify(runId=run.id, conversationId=run.conversation_id), 201
    if request.headers.get("HX-Request"):
        return _in_place(question, run.id)
    return redirect(url_for("conversations.watch", conversation_id=run.conversation_id), 303)


def _load_question(message_id: str) -> Message:
    message = load_message(current_user().id, message_id)
    if message.role != "user":
        raise NotFound("There is no such question.")
    return message


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _in_place(message: Message, run_id: str = "") -> ResponseReturnValue:
    """Show the branch in the place of the messages on the page."""
    found = load_conversation(current_user().id, message.conversation_id)
    passed = stream_pass(run_id) if run_id else None
    return render_messages(found, stream_pass=passed), IN_PLACE
