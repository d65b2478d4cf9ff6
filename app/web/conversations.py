"""Conversations: the pages, posting a question, and watching the answer without JavaScript."""

from __future__ import annotations

from flask import (
    Blueprint,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue

from app.auth.sessions import current_user, expect_reader, require_user
from app.conversations import (
    live_run,
    load_conversation,
    validate_question,
)
from app.db.models import Conversation, db
from app.errors import (
    HomestreamError,
    InputError,
    NotFound,
    WorkerFull,
)
from app.rendering.answer import Answer
from app.rendering.held_open_page import as_page
from app.rendering.message_page import load_message_page
from app.services import services
from app.web.errors import handle_error
from app.web.pages import render_page
from app.web.runs import html_for_reader, just_begun
from app.web.streaming import respond_with

bp = Blueprint("conversations", __name__)


@bp.before_request
def check_room() -> None:
    """Refuse a question first of all where this worker has no room for another run."""
    if request.method == "POST":
        services().runs.check_room()


bp.before_request(require_user)


_HERE = "<!-- the answer being written -->"


@bp.errorhandler(HomestreamError)
def show_beside_composer(error: HomestreamError) -> ResponseReturnValue:
    """A question that can't be taken comes back in its field, with the reason beside it."""
    composing = request.endpoint in (
        "conversations.start_conversation",
        "conversations.post_message",
    )
    nobody_asked = isinstance(error, WorkerFull) or error.status in (401, 403, 404)
    if not composing or nobody_asked or request.headers.get("HX-Request"):
        return handle_error(error)
    db.session.rollback()
    values = {"notice": error.message, "draft": request.form.get("message", "")}
    if request.endpoint == "conversations.start_conversation":
        return _start_page(**values), error.status
    try:
        found = load_conversation(current_user().id, (request.view_args or {})["conversation_id"])
    except NotFound as unknown:
        return handle_error(unknown)
    return _conversation_page(found, None, **values), error.status


@bp.get("/")
def start() -> ResponseReturnValue:
    """The page of a conversation that has yet to begin."""
    return _start_page()


@bp.get("/conversations")
def conversations() -> ResponseReturnValue:
    return render_page("chat/conversations.html")


@bp.post("/conversations")
def start_conversation() -> ResponseReturnValue:
    """The first question of a new conversation."""
    question = validate_question(request.form.get("message"), services().settings.max_message_chars)
    run = services().runs.ask(current_user(), question, key=request.form.get("key"))
    if request.headers.get("HX-Request"):
        here = url_for(".conversation", conversation_id=run.conversation_id)
        return "", 204, {"HX-Redirect": here}
    return redirect(url_for(".watch", conversation_id=run.conversation_id), 303)


@bp.get("/conversations/<conversation_id>")
def conversation(conversation_id: str) -> ResponseReturnValue:
    """Its newest messages, or those before `?before=<position>`; these also as a fragment, for
    htmx to put above the others."""
    found = load_conversation(current_user().id, conversation_id)
    before = _before()
    if before is None or not request.headers.get("HX-Request"):
        return _conversation_page(found, before)
    stretch = load_message_page(found, services().log, before)
    return render_template("chat/_messages.html", conversation=found, stretch=stretch)


@bp.get("/conversations/<conversation_id>/live")
def watch(conversation_id: str) -> ResponseReturnValue:
    """The same page, held open and written on while the answer comes: for readers without
    JavaScript. With nothing being written it is the page itself."""
    found = load_conversation(current_user().id, conversation_id)
    run = live_run(found)
    if run is None:
        return redirect(url_for(".conversation", conversation_id=found.id), 303)
    connection = services().connections.open(current_user().id, run.id, "page")
    page = _conversation_page(found, None, held_open=_HERE)
    head, tail = page.split(_HERE)
    batches = services().subscriptions.subscribe(run.id)
    chunks = as_page(batches, Answer(run.id), html_for_reader(), head, tail)
    db.session.remove()
    return respond_with(chunks, services().connections, connection, mimetype="text/html")


@bp.post("/conversations/<conversation_id>/messages")
def post_message(conversation_id: str) -> ResponseReturnValue:
    question = validate_question(request.form.get("message"), services().settings.max_message_chars)
    run = services().runs.ask(current_user(), question, conversation_id, request.form.get("key"))
    if request.headers.get("HX-Request"):
        expect_reader(run.id)
        return render_template("chat/_exchange.html", question=question, answer=just_begun(run))
    return redirect(url_for(".watch", conversation_id=conversation_id), 303)


def _start_page(**values: object) -> str:
    examples = render_template("prompts/examples.txt").strip().splitlines()
    return render_page("chat/start.html", examples=examples, **values)


def _conversation_page(found: Conversation, before: int | None, **values: object) -> str:
    stretch = load_message_page(found, services().log, before)
    return render_page("chat/conversation.html", conversation=found, stretch=stretch, **values)


def _before() -> int | None:
    """The position that the page is to end before. Raises InputError."""
    value = request.args.get("before")
    if value is None:
        return None
    if not (value.isascii() and value.isdigit() and len(value) < 10 and int(value)):
        raise InputError("before must be the position of a message: a number such as 51.")
    return int(value)
