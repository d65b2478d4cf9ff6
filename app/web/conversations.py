"""Conversations: their pages, asking a question, and watching the answer without JavaScript."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.auth.sessions import current_reader, current_user, require_user, stream_pass
from app.conversations import live_run, load_conversation, validate_question
from app.db.models import Conversation, Run, db
from app.errors import HomestreamError, InputError, NotFound
from app.rendering.answer import AnswerView, just_begun
from app.rendering.held_open_page import as_page
from app.rendering.message_page import load_message_page
from app.services import services
from app.web.drafts import typed_question
from app.web.pages import html_for, render_page
from app.web.streaming import respond_with
from app.web.worker_room import check_room

bp = Blueprint("conversations", __name__)
bp.before_request(check_room)
bp.before_request(require_user)

_ANSWER_PLACE = "<!-- the answer being written -->"


@bp.get("/")
def start_page() -> ResponseReturnValue:
    """Show the page where a new conversation begins."""
    return _start_page()


@bp.get("/conversations")
def list_all() -> ResponseReturnValue:
    return render_page("conversations/list.html")


@bp.post("/conversations")
def start() -> ResponseReturnValue:
    """Ask the first question of a new conversation."""
    try:
        run = _ask_by_form()
    except HomestreamError as error:
        return _show_beside_composer(error, _start_page)
    if request.headers.get("HX-Request"):
        here = url_for(".show", conversation_id=run.conversation_id)
        return "", 204, {"HX-Redirect": here}
    return redirect(url_for(".watch", conversation_id=run.conversation_id), 303)


@bp.post("/conversations/<conversation_id>/messages")
def ask(conversation_id: str) -> ResponseReturnValue:
    """Ask the next question of a conversation."""
    try:
        run = _ask_by_form(conversation_id)
    except NotFound:
        raise
    except HomestreamError as error:
        found = load_conversation(current_user().id, conversation_id)
        return _show_beside_composer(error, lambda **values: _conversation_page(found, **values))
    if request.headers.get("HX-Request"):
        return render_template(
            "conversations/_exchange.html",
            question=request.form["message"].strip(),
            answer=just_begun(run.id),
            stream_pass=stream_pass(run.id),
        )
    return redirect(url_for(".watch", conversation_id=conversation_id), 303)


@bp.get("/conversations/<conversation_id>")
def show(conversation_id: str) -> ResponseReturnValue:
    """Show the newest messages, or those before `?before=<position>`.

    Earlier ones are also sent as a fragment, for htmx to put above the others.
    """
    found = load_conversation(current_user().id, conversation_id)
    before = _before()
    if before is None or not request.headers.get("HX-Request"):
        return _conversation_page(found, before)
    page = load_message_page(found, services().log, before)
    return render_template("conversations/_messages.html", conversation=found, page=page)


@bp.get("/conversations/<conversation_id>/live")
def watch(conversation_id: str) -> ResponseReturnValue:
    """Hold the conversation's page open, and write on it while the answer comes.

    It is for readers without JavaScript. With nothing being written, lead to the page itself.
    """
    found = load_conversation(current_user().id, conversation_id)
    run = live_run(found)
    if run is None:
        return redirect(url_for(".show", conversation_id=found.id), 303)
    head, marker, tail = _conversation_page(found, held_open=_ANSWER_PLACE).partition(_ANSWER_PLACE)
    if not marker:
        # The answer has ended since, and the page shows it whole.
        return redirect(url_for(".show", conversation_id=found.id), 303)
    connection = services().connections.open(current_user().id, run.id, "page")
    batches = services().subscriptions.subscribe(run.id)
    chunks = as_page(batches, AnswerView(run.id), html_for(current_reader()), head, tail)
    db.session.remove()
    return respond_with(chunks, services().connections, connection, mimetype="text/html")


def _ask_by_form(conversation_id: str | None = None) -> Run:
    """Store the form's question with a run, and start that. Raises HomestreamError."""
    question = validate_question(request.form.get("message"), services().settings.max_message_chars)
    key = request.form.get("key")
    return services().runs.ask(current_user(), question, conversation_id, key)


def _show_beside_composer(error: HomestreamError, page: Callable[..., str]) -> ResponseReturnValue:
    """Show the page again, with the question in its field and the reason beside it.

    htmx leaves the question where it is, and needs only the reason.
    """
    if request.headers.get("HX-Request"):
        raise error
    db.session.rollback()
    return page(notice=error.message, draft=typed_question()), error.status


def _start_page(**values: object) -> str:
    examples = render_template("prompts/examples.txt").strip().splitlines()
    return render_page("conversations/start.html", examples=examples, **values)


def _conversation_page(found: Conversation, before: int | None = None, **values: object) -> str:
    page = load_message_page(found, services().log, before)
    return render_page("conversations/show.html", conversation=found, page=page, **values)


def _before() -> int | None:
    """Read the position that the page ends before. Raises InputError."""
    value = request.args.get("before")
    if value is None:
        return None
    if not (value.isascii() and value.isdigit() and len(value) < 10 and int(value)):
        raise InputError("before must be the position of a message: a number such as 51.")
    return int(value)
