"""Changes of a conversation: its title and place, deleted and restored. Forms and the JSON API."""

from __future__ import annotations

from flask import Blueprint, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.auth.sessions import current_user, require_user
from app.conversations.changes import Change, apply_change, delete_for_good, run_to_stop
from app.conversations.lists import as_listed, list_conversations, live_statuses
from app.conversations.ownership import live_run, load_conversation, load_even_deleted
from app.db.models import Conversation
from app.errors import InputError
from app.lifecycle import services
from app.web.conversation_json import conversation_as_json
from app.web.error_responses import wants_json
from app.web.looks import chosen_zone
from app.web.pages import render_conversation

bp = Blueprint("conversation_changes", __name__, url_prefix="/conversations")
bp.before_request(require_user)


@bp.route("/<conversation_id>", methods=["POST", "PATCH"])
def change(conversation_id: str) -> ResponseReturnValue:
    """Change the title, whether it is pinned, or the shelf: to the trash, or back from there."""
    load_even_deleted(current_user().id, conversation_id)
    try:
        wanted = Change.read(_values())
    except InputError as error:
        if wants_json() or request.headers.get("HX-Request"):
            raise
        return _show_beside_title(conversation_id, error)
    return _respond(_apply(conversation_id, wanted), moved=wanted.shelf is not None)


@bp.delete("/<conversation_id>")
def delete(conversation_id: str) -> ResponseReturnValue:
    """Move the conversation to the trash; with `?forGood=true`, delete it with all that it has."""
    if request.args.get("forGood", "false") == "true":
        _delete_for_good(conversation_id)
        return "", 204
    load_conversation(current_user().id, conversation_id)
    return jsonify(_as_json(_apply(conversation_id, Change(shelf="trash"))))


@bp.post("/<conversation_id>/delete-for-good")
def end(conversation_id: str) -> ResponseReturnValue:
    """Delete the conversation with all that it has, at once."""
    was = load_even_deleted(current_user().id, conversation_id).shelf
    _delete_for_good(conversation_id)
    if wants_json():
        return "", 204
    if was == "temporary":
        return redirect(url_for("conversations.start_page"), 303)
    return redirect(url_for("conversations.list_all", shelf="trash"), 303)


def _apply(conversation_id: str, wanted: Change) -> Conversation:
    conversation = apply_change(current_user().id, conversation_id, wanted)
    if (run_id := run_to_stop(conversation)) is not None:
        services().runs.stop(run_id)
    return conversation


def _delete_for_good(conversation_id: str) -> None:
    """Stop what is being written first, so that the model's connection is closed by then."""
    user_id = current_user().id
    if (run := live_run(load_even_deleted(user_id, conversation_id))) is not None:
        services().runs.stop(run.id)
    delete_for_good(user_id, conversation_id)


def _values() -> dict[str, object]:
    """Read the form, or the JSON object. Raises InputError."""
    if not request.is_json:
        return dict(request.form.items())
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise InputError('Send a JSON object like {"title": "…"}.', field="body", status=400)
    return body


def _respond(conversation: Conversation, *, moved: bool) -> ResponseReturnValue:
    if wants_json():
        return jsonify(_as_json(conversation))
    if conversation.shelf == "trash":
        return redirect(url_for("conversations.list_all", deleted=conversation.id), 303)
    if request.headers.get("HX-Request") and not moved:
        return render_template(
            "conversations/_changed.html",
            conversation=conversation,
            page=list_conversations(current_user(), chosen_zone()),
        )
    return redirect(url_for("conversations.show", conversation_id=conversation.id), 303)


def _show_beside_title(conversation_id: str, error: InputError) -> ResponseReturnValue:
    """Show the page again, with what was typed in its field and the reason beside it."""
    found = load_conversation(current_user().id, conversation_id)
    typed = request.form.get("title", "")
    page = render_conversation(found, problem=error.message, typed_title=typed)
    return page, error.status


def _as_json(conversation: Conversation) -> dict[str, object]:
    return conversation_as_json(as_listed(conversation, live_statuses(conversation.user_id)))
