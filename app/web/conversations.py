"""The pages of conversations, and watching an answer without JavaScript."""

from __future__ import annotations

from flask import Blueprint, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.auth.sessions import current_reader, current_user, require_user
from app.conversations.lists import as_listed, list_conversations, live_statuses
from app.conversations.ownership import live_run, load_conversation, load_from_trash
from app.conversations.search import FoundPage, search
from app.db.models import db
from app.errors import InputError
from app.lifecycle import services
from app.rendering.answer import AnswerView
from app.rendering.stream_without_script import as_page
from app.web.conversation_json import conversation_as_json, found_as_json, page_as_json
from app.web.error_responses import wants_json
from app.web.external_links import link_target
from app.web.looks import chosen_zone
from app.web.pages import html_for, message_page, render_conversation, render_page, render_start
from app.web.streaming import respond_with

bp = Blueprint("conversations", __name__)
bp.before_request(require_user)

_ANSWER_PLACE = "<!-- the answer being written -->"


@bp.get("/")
def start_page() -> ResponseReturnValue:
    """Show the page where a new conversation begins."""
    return render_start()


@bp.get("/conversations")
def list_all() -> ResponseReturnValue:
    """List the latest conversations, or those with the words `?q=`; `?after=` where a page ended.

    For htmx they are a fragment, to stand below those of the page before.
    """
    words, after = request.args.get("q", ""), request.args.get("after")
    if words.strip():
        return _found(words, search(current_user().id, words, after))
    listed = list_conversations(
        current_user(), chosen_zone(), request.args.get("shelf", "list"), after
    )
    if wants_json():
        return jsonify(conversations=page_as_json(listed), after=listed.older)
    if request.headers.get("HX-Request"):
        return render_template("conversations/_groups.html", page=listed, fragment=True)
    deleted = request.args.get("deleted")
    undo = load_from_trash(current_user().id, deleted) if deleted else None
    return render_page("conversations/list.html", listed=listed, deleted=undo)


def _found(words: str, page: FoundPage) -> ResponseReturnValue:
    if wants_json():
        return jsonify(found=found_as_json(page), after=page.older)
    if request.headers.get("HX-Request"):
        return render_template("conversations/_found.html", found=page, words=words)
    return render_page("conversations/list.html", found=page, words=words)


@bp.get("/conversations/<conversation_id>")
def show(conversation_id: str) -> ResponseReturnValue:
    """Show the newest messages, or those before `?before=<position>`.

    Earlier ones are also sent as a fragment, for htmx to put above the others.
    """
    found = load_conversation(current_user().id, conversation_id)
    if wants_json():
        return jsonify(conversation_as_json(as_listed(found, live_statuses(found.user_id))))
    before = _before()
    if before is None or not request.headers.get("HX-Request"):
        return render_conversation(found, before)
    page = message_page(found, before)
    return render_template("conversations/_messages.html", conversation=found, page=page)


@bp.get("/conversations/<conversation_id>/title")
def title(conversation_id: str) -> ResponseReturnValue:
    """Send the title as it is now, which the model may have written, and the list for beside it."""
    found = load_conversation(current_user().id, conversation_id)
    recent = list_conversations(current_user(), chosen_zone())
    return render_template("conversations/_renamed.html", conversation=found, page=recent)


@bp.get("/conversations/<conversation_id>/live")
def watch(conversation_id: str) -> ResponseReturnValue:
    """Hold the conversation's page open, and write on it while the answer comes.

    It is for readers without JavaScript. With nothing being written, lead to the page itself.
    """
    found = load_conversation(current_user().id, conversation_id)
    run = live_run(found)
    if run is None:
        # The page leads back here if a queued question is about to be asked.
        return redirect(url_for(".show", conversation_id=found.id), 303)
    whole = render_conversation(found, held_open=_ANSWER_PLACE)
    head, marker, tail = whole.partition(_ANSWER_PLACE)
    if not marker:
        # The answer has ended since, and the page shows it whole.
        return redirect(url_for(".show", conversation_id=found.id), 303)
    reader = current_reader()
    connection = services().connections.open(reader.user_id, reader.session_id, run.id, "page")
    batches = services().subscriptions.subscribe(run.id, connection=connection)
    sign_in = url_for("auth.login_form", next=request.path)
    answer = AnswerView(run.id, target=link_target(reader.user_id))
    chunks = as_page(batches, answer, html_for(reader), head, tail, sign_in)
    db.session.remove()
    return respond_with(chunks, services().connections, connection, mimetype="text/html")


def _before() -> int | None:
    """Read the position that the page ends before. Raises InputError."""
    value = request.args.get("before")
    if value is None:
        return None
    if not (value.isascii() and value.isdigit() and len(value) < 10 and int(value)):
        raise InputError("before must be the position of a message: a number such as 51.")
    return int(value)
