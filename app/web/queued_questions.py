"""The questions queued in a conversation: listed, removed, sent at once. Forms and the JSON API."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, jsonify, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.auth.sessions import current_user, require_user
from app.conversations.ownership import live_run, load_conversation, load_queue, load_queued
from app.db.models import Conversation, Run, db
from app.db.queue_models import QueuedQuestion
from app.lifecycle import services
from app.runs.question_queue import remove
from app.web.conversation_json import iso
from app.web.error_responses import wants_json
from app.web.files import file_as_json
from app.web.pages import render_news

bp = Blueprint("queued_questions", __name__, url_prefix="/conversations/<conversation_id>/queue")
bp.before_request(require_user)


@bp.get("")
def list_all(conversation_id: str) -> ResponseReturnValue:
    """List what is queued. For htmx: what has been asked since the answer `?since=`, and that."""
    found = load_conversation(current_user().id, conversation_id)
    if wants_json():
        return jsonify(queued=[queued_as_json(each) for each in load_queue(found)])
    return _respond(found)


@bp.delete("/<queued_id>")
def delete(conversation_id: str, queued_id: str) -> ResponseReturnValue:
    """Take a question out of the queue."""
    found = load_conversation(current_user().id, conversation_id)
    remove(load_queued(found, queued_id))
    return "", 204


@bp.post("/<queued_id>/remove")
def take_out(conversation_id: str, queued_id: str) -> ResponseReturnValue:
    """Take a question out of the queue."""
    found = load_conversation(current_user().id, conversation_id)
    remove(load_queued(found, queued_id))
    return ("", 204) if wants_json() else _respond(found)


@bp.post("/<queued_id>/send")
def send(conversation_id: str, queued_id: str) -> ResponseReturnValue:
    """Stop the live answer, and ask the question before all others that are queued."""
    found = load_conversation(current_user().id, conversation_id)
    services().runs.send_now(load_queued(found, queued_id))
    if not wants_json():
        return _respond(load_conversation(current_user().id, conversation_id))
    run = db.session.get(Run, queued_id)
    if run is not None:
        return jsonify(runId=run.id, conversationId=conversation_id), 201
    return jsonify(queued=queued_as_json(load_queued(found, queued_id))), 202


def queued_as_json(queued: QueuedQuestion) -> dict[str, Any]:
    return {
        "id": queued.id,
        "conversationId": queued.conversation_id,
        "message": queued.text,
        "files": [file_as_json(file) for file in queued.files],
        "status": "held" if queued.held else "queued",
        "reason": queued.reason,
        "createdAt": iso(queued.created_at),
    }


def _respond(conversation: Conversation) -> ResponseReturnValue:
    """Respond with the news for htmx, or lead to the page, or to the held-open one."""
    if request.headers.get("HX-Request"):
        return render_news(conversation, request.values.get("since"))
    page = "conversations.watch" if live_run(conversation) else "conversations.show"
    return redirect(url_for(page, conversation_id=conversation.id), 303)
