"""The JSON API: ask, stream, resume, history. docs/api.md has the shapes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from app.agent.events import to_json
from app.agent.usage import Usage
from app.auth.sessions import current_reader, current_user, require_user
from app.conversations.files import files_of
from app.conversations.history import load_history, summarize_history
from app.conversations.ownership import load_run
from app.db.file_models import QuestionFile
from app.db.models import Message, Run, db
from app.db.queue_models import QueuedQuestion
from app.errors import InputError, Unavailable
from app.grounding.figure import figures_to_json
from app.lifecycle import services
from app.rendering.answer import AnswerView
from app.rendering.sse import as_json
from app.runs.connections import Connection
from app.runs.replay import models_of, seconds_of
from app.web.files import allow_files, file_as_json, read_uploads
from app.web.queued_questions import queued_as_json
from app.web.streaming import respond_with
from app.web.worker_room import check_room

bp = Blueprint("api", __name__)
bp.before_request(check_room)
bp.before_request(allow_files)
bp.before_request(require_user)

_LONGEST_PAGE = 200


@bp.post("/agents/chat-stream")
@bp.post("/agents/chat/stream")
def chat_stream() -> ResponseReturnValue:
    """Ask, and stream the answer's events. A question that is queued instead is JSON, with 202."""
    # A question whose answer could not be streamed is refused before it is asked.
    connection = _open_stream("")
    try:
        asked = _ask()
    finally:
        # At once, or its place would not be free yet for the stream itself.
        services().connections.close(connection, at_once=True)
    return _queued(asked) if isinstance(asked, QueuedQuestion) else _stream(asked, after=0)


@bp.get("/agents/chat-stream/<run_id>")
def resume(run_id: str) -> Response:
    """Stream the events after `Last-Event-ID`, or `?after=`."""
    return _stream(load_run(current_user().id, run_id), after=_last_event_id())


@bp.post("/agents/chat")
def chat() -> ResponseReturnValue:
    """Ask, and respond with the whole answer; or with 202, if the question is queued.

    If the run failed, its error is beside what was written.
    """
    run = _ask()
    if isinstance(run, QueuedQuestion):
        return _queued(run)
    run_id, conversation_id, message_id = run.id, run.conversation_id, run.answer_id
    db.session.remove()
    answer = AnswerView(run_id)
    for entries in services().subscriptions.subscribe(run_id):
        for entry in entries:
            answer.apply(entry.event)
    if answer.live:
        raise Unavailable(
            f"This server is stopping. The answer goes on: get it at /agents/chat-stream/{run_id}."
        )
    body: dict[str, Any] = {
        "runId": run_id,
        "conversationId": conversation_id,
        "messageId": message_id,
        "status": answer.status,
        "content": answer.text,
        "toolCalls": [to_json(call) for call in answer.calls],
        "usage": answer.usage,
        "models": answer.models,
        "seconds": answer.seconds,
        "cost": services().prices.cost(answer.models, answer.usage),
        "figures": figures_to_json(answer.figures),
    }
    if answer.failure is not None:
        body["error"] = to_json(answer.failure)
    return jsonify(body), 502 if answer.failure else 200


@bp.get("/agents/chat-history")
def history() -> ResponseReturnValue:
    """List the caller's own messages, newest last.

    `conversationId` narrows to one conversation; `limit` bounds how many.
    """
    conversation_id = request.args.get("conversationId")
    messages = load_history(current_user().id, conversation_id, _page_size())
    files = files_of([message.id for message in messages if message.role == "user"])
    return jsonify(messages=[_message(message, files.get(message.id, ())) for message in messages])


@bp.get("/agents/chat-history-stats")
def history_stats() -> ResponseReturnValue:
    summary = summarize_history(current_user().id)
    return jsonify(
        totalMessages=summary.questions + summary.answers,
        userMessages=summary.questions,
        assistantMessages=summary.answers,
        conversations=summary.conversations,
        firstMessageAt=summary.first_at and _iso(summary.first_at),
        lastMessageAt=summary.last_at and _iso(summary.last_at),
    )


def _ask() -> Run | QueuedQuestion:
    """Store the request's question with a run, and start that, or queue it. Raises
    HomestreamError."""
    body = _read_body()
    conversation_id = body.get("conversationId")
    if not (conversation_id is None or _is_id(conversation_id)):
        raise InputError("conversationId must be a conversation's id.", field="conversationId")
    queue = body.get("queue", False)
    if not isinstance(queue, bool):
        raise InputError("queue must be true or false.", field="queue")
    key = request.headers.get("Idempotency-Key")
    temporary = body.get("temporary", False)
    if not isinstance(temporary, bool):
        raise InputError("temporary must be true or false.", field="temporary")
    text = body.get("userMessage")
    return services().runs.ask(
        current_user(),
        text,
        conversation_id,
        key,
        temporary=temporary,
        queue=queue,
        model=body.get("model"),
        files=read_uploads(),
    )


def _read_body() -> dict[str, Any]:
    """Read the JSON object, or the fields of a form with files that stand for it."""
    if request.mimetype == "multipart/form-data":
        switch = {"true": True, "false": False}
        return {name: switch.get(value, value) for name, value in request.form.items()} | {
            "userMessage": request.form.get("userMessage")
        }
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise InputError('Send a JSON object like {"userMessage": "…"}.', field="body", status=400)
    return body


def _queued(queued: QueuedQuestion) -> ResponseReturnValue:
    return jsonify(queued=queued_as_json(queued)), 202


def _stream(run: Run, after: int) -> Response:
    app = services()
    connection = _open_stream(run.id)
    batches = app.subscriptions.subscribe(run.id, after, connection)
    db.session.remove()
    return respond_with(as_json(batches), app.connections, connection)


def _open_stream(run_id: str) -> Connection:
    reader = current_reader()
    return services().connections.open(reader.user_id, reader.session_id, run_id, "json")


def _last_event_id() -> int:
    """Read the reader's cursor; 0, the start, if there is none that makes sense."""
    value = request.headers.get("Last-Event-ID") or request.args.get("after") or ""
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else 0


def _page_size() -> int:
    value = request.args.get("limit", "50")
    is_number = value.isascii() and value.isdigit() and len(value) < 10
    if not (is_number and 1 <= int(value) <= _LONGEST_PAGE):
        raise InputError(f"limit must be a number from 1 to {_LONGEST_PAGE}.", field="limit")
    return int(value)


def _is_id(value: object) -> bool:
    """Whether it can be an id at all; PostgreSQL refuses to look for a NUL."""
    return isinstance(value, str) and value.isprintable()


def _message(message: Message, files: Sequence[QuestionFile]) -> dict[str, Any]:
    return {
        "id": message.id,
        "conversationId": message.conversation_id,
        "role": message.role,
        "content": message.content,
        "status": message.run.status if message.run else "completed",
        "runId": message.run.id if message.run else None,
        "createdAt": _iso(message.created_at),
        "figures": (message.run and message.run.figures) or [],
        "files": [file_as_json(file) for file in files],
    } | (_making(message.run) if message.run else {})


def _making(run: Run) -> dict[str, Any]:
    """Return what wrote an answer, and what it took; each is null where it is unknown."""
    models, usage = models_of(run), Usage.from_json(run.usage) if run.usage else None
    return {
        "models": models,
        "usage": usage,
        "seconds": seconds_of(run),
        "rating": run.rating,
        "ratingReason": run.rating_reason,
        "cost": services().prices.cost(models, usage),
    }


def _iso(time: datetime) -> str:
    return f"{time.isoformat(timespec='milliseconds')}Z"
