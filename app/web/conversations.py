"""The pages: conversations, posting a question, watching the answer, stop and retry."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import (
    Blueprint,
    Response,
    current_app,
    g,
    jsonify,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue

from app.auth.sessions import (
    StaleForm,
    csrf_token,
    current_user,
    expect_reader,
    let_in_expected,
    load_again,
    require_user,
    safe_next,
    to_login,
)
from app.conversations import (
    check_run_owner,
    list_conversations,
    live_run,
    load_answer,
    load_conversation,
    load_message_page,
    load_run,
    validate_question,
)
from app.db.models import Conversation, Run, db
from app.errors import (
    HomestreamError,
    InputError,
    NotFound,
    TooMany,
    Unauthenticated,
    WorkerFull,
    render_error,
    wants_json,
)
from app.rendering import htmx as stream
from app.rendering.answer import Answer
from app.services import services
from app.tools.calls import UserTools

_ASKING = ("chat.start_conversation", "chat.post_message", "chat.retry")

bp = Blueprint("chat", __name__)


@bp.before_request
def make_sure_of_room() -> None:
    if request.endpoint in _ASKING:
        services().runs.make_sure_of_room()


@bp.before_request
def let_in() -> None:
    run_id = (request.view_args or {}).get("run_id")
    if request.endpoint == "chat.events" and run_id and let_in_expected(run_id):
        g.own_run = run_id
    else:
        require_user()


_HERE = "<!-- the answer being written -->"


@bp.errorhandler(Unauthenticated)
def sign_in_first(error: Unauthenticated) -> ResponseReturnValue:
    if request.endpoint == "chat.events":
        run_id = str((request.view_args or {}).get("run_id", ""))
        back = safe_next(urlsplit(request.referrer or "").path)
        link = render_template("chat/_signed_out.html", run_id=run_id, back=back)
        return stream.respond_with(stream.closing_notice(run_id, link))
    return render_error(error) if wants_json() else to_login()


@bp.errorhandler(StaleForm)
def send_again(error: StaleForm) -> ResponseReturnValue:
    return load_again() if request.headers.get("HX-Request") else render_error(error)


@bp.errorhandler(HomestreamError)
def show_beside_composer(error: HomestreamError) -> ResponseReturnValue:
    """A question that can't be taken comes back in its field, with the reason beside it."""
    composing = request.endpoint in ("chat.start_conversation", "chat.post_message")
    nobody_asked = isinstance(error, WorkerFull) or error.status in (401, 403, 404)
    if not composing or nobody_asked or request.headers.get("HX-Request"):
        return render_error(error)
    db.session.rollback()
    values = {"notice": error.message, "draft": request.form.get("message", "")}
    if request.endpoint == "chat.start_conversation":
        return _start_page(**values), error.status
    try:
        found = load_conversation(current_user().id, (request.view_args or {})["conversation_id"])
    except NotFound as unknown:
        return render_error(unknown)
    return _conversation_page(found, None, **values), error.status


@bp.get("/")
def start() -> ResponseReturnValue:
    """The page of a conversation that has yet to begin."""
    return _start_page()


@bp.get("/conversations")
def conversations() -> ResponseReturnValue:
    return _page("chat/conversations.html")


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
    chunks = stream.as_page(batches, Answer(run.id), _html(), head, tail)
    db.session.remove()
    return stream.respond_with(chunks, services().connections, connection, mimetype="text/html")


@bp.post("/conversations/<conversation_id>/messages")
def post_message(conversation_id: str) -> ResponseReturnValue:
    question = validate_question(request.form.get("message"), services().settings.max_message_chars)
    run = services().runs.ask(current_user(), question, conversation_id, request.form.get("key"))
    if request.headers.get("HX-Request"):
        expect_reader(run.id)
        return render_template("chat/_exchange.html", question=question, answer=_begun(run))
    return redirect(url_for(".watch", conversation_id=conversation_id), 303)


@bp.get("/runs/<run_id>/events")
def events(run_id: str) -> Response:
    """The answer as it comes, in fragments for htmx. Always a stream that ends: the extension
    would take any other answer for a fault and ask again for ever."""
    try:
        if g.get("own_run") != run_id:
            check_run_owner(current_user().id, run_id)
        connection = services().connections.open(current_user().id, run_id, "fragments")
    except TooMany:
        return stream.respond_with(stream.busy())
    except HomestreamError as error:
        notice = render_template("chat/_no_stream.html", run_id=run_id, error=error)
        return stream.respond_with(stream.closing_notice(run_id, notice))
    batches = services().subscriptions.subscribe(run_id)
    chunks = stream.as_fragments(batches, Answer(run_id), _html())
    db.session.remove()
    return stream.respond_with(chunks, services().connections, connection)


@bp.get("/runs/<run_id>")
def run(run_id: str) -> ResponseReturnValue:
    """The answer as it is now, in what a stream's message holds: for tabs without a stream."""
    found = load_run(current_user().id, run_id)
    if not request.headers.get("HX-Request"):
        return redirect(url_for(".conversation", conversation_id=found.conversation_id))
    shown = load_answer(found, services().log)
    whole = stream.partial(f"#a-{run_id}", "outerHTML", _html().answer(shown))
    return whole, {"Run-Status": shown.status}


@bp.post("/runs/<run_id>/stop")
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
    return redirect(url_for(".conversation", conversation_id=conversation_id), 303)


@bp.post("/runs/<run_id>/retry")
def retry(run_id: str) -> ResponseReturnValue:
    run = services().runs.retry(current_user(), load_run(current_user().id, run_id))
    if request.headers.get("HX-Request"):
        expect_reader(run.id)
        return render_template("chat/_live.html", answer=_begun(run))
    if wants_json():
        return jsonify(runId=run.id, conversationId=run.conversation_id), 201
    return redirect(url_for(".watch", conversation_id=run.conversation_id), 303)


@bp.get("/status")
def status() -> ResponseReturnValue:
    """The status dots."""
    return render_template("chat/_status.html", services=_services())


@bp.get("/tools")
def tools() -> ResponseReturnValue:
    """Every server and its tools, under the names that the model calls them by."""
    return _page("chat/tools.html")


@bp.get("/outbox")
def outbox() -> ResponseReturnValue:
    """What was sent on this person's behalf, as the services that sent it tell."""
    person = UserTools(services().registry, current_user().id)
    db.session.remove()
    messages = person.outbox()
    if wants_json():
        return jsonify(messages=messages)
    return _page("chat/outbox.html", messages=messages)


def _page(template: str, **values: object) -> str:
    common = {
        "conversations": list_conversations(current_user().id),
        "services": _services(),
        "draft": session.pop("draft", ""),
        "demo": services().settings.uses_demo_model,
    }
    return render_template(template, **(common | values))


def _start_page(**values: object) -> str:
    examples = render_template("prompts/examples.txt").strip().splitlines()
    return _page("chat/start.html", examples=examples, **values)


def _conversation_page(found: Conversation, before: int | None, **values: object) -> str:
    stretch = load_message_page(found, services().log, before)
    return _page("chat/conversation.html", conversation=found, stretch=stretch, **values)


def _before() -> int | None:
    """The position that the page is to end before. Raises InputError."""
    value = request.args.get("before")
    if value is None:
        return None
    if not (value.isascii() and value.isdigit() and len(value) < 10 and int(value)):
        raise InputError("before must be the position of a message: a number such as 51.")
    return int(value)


def _services() -> list[object]:
    return list(services().registry.servers.values())


def _begun(run: Run) -> Answer:
    return Answer(run.id, thinking="Thinking…")


def _html() -> stream.Html:
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    return stream.Html(app, csrf_token())
