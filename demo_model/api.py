"""The HTTP endpoints, in the shape of OpenAI's."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, request
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from demo_model.planning import next_turn
from demo_model.protocol import (
    ChatRequest,
    Turn,
    chunk,
    completion,
    cut,
    deltas,
    envelope,
    error_body,
    model_list,
    usage,
)

api = Blueprint("api", __name__)
log = logging.getLogger("demo_model")

PACE = "DEMO_MODEL_PACE"
LIBRARY = "DEMO_MODEL_PHRASES"


@api.post("/v1/chat/completions")
def chat_completions() -> Response:
    """Answer a conversation, as a stream of chunks when the request asks for one."""
    chat = ChatRequest.model_validate_json(request.get_data())
    turn = next_turn(chat.messages, chat.offered, current_app.config[LIBRARY])
    pace = float(current_app.config[PACE])
    if not chat.stream:
        answer = completion(chat, turn)
        if pace:
            time.sleep(answer["usage"]["completion_tokens"] / pace)
        return jsonify(answer)
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    return Response(_events(chat, turn, pace), mimetype="text/event-stream", headers=headers)


@api.get("/v1/models")
def models() -> Response:
    """The one model there is."""
    return jsonify(model_list())


@api.get("/health")
def health() -> Response:
    """Say that the service is up."""
    return jsonify(status="ok", model="demo")


@api.app_errorhandler(ValidationError)
def bad_body(error: ValidationError) -> tuple[Response, int]:
    """400 for a body that is no JSON or no proper request, naming what is wrong first."""
    first = error.errors()[0]
    param = ".".join(map(str, first["loc"])) or None
    message = first["msg"].removeprefix("Value error, ")
    return jsonify(error_body(f"{param}: {message}" if param else message, param=param)), 400


@api.app_errorhandler(HTTPException)
def http_error(error: HTTPException) -> tuple[Response, int]:
    """Any other HTTP error in OpenAI's shape: unknown path, wrong method, our own failure."""
    status = error.code or 500
    kind = "server_error" if status >= 500 else "invalid_request_error"
    message = f"{request.method} {request.path}: {error.description}"
    return jsonify(error_body(message, kind, code=error.name.lower().replace(" ", "_"))), status


def _events(chat: ChatRequest, turn: Turn, pace: float) -> Iterator[str]:
    """The answer as server-sent events. Closing it early, as a lost client does, is logged."""
    head, sent = envelope("chat.completion.chunk"), 0
    turn, reason = cut(turn, chat.token_limit)
    if chat.wants_usage:
        head["usage"] = None
    try:
        yield _event(chunk(head, {"role": "assistant", "content": ""}))
        for delta in _paced(deltas(turn), pace):
            yield _event(chunk(head, delta))
            sent += 1
        yield _event(chunk(head, {}, reason))
        if chat.wants_usage:
            yield _event({**head, "choices": [], "usage": usage(chat, sent)})
        yield "data: [DONE]\n\n"
    except GeneratorExit:
        log.info("the client left after %d tokens", sent)
        raise


def _paced(pieces: Iterator[dict[str, Any]], pace: float) -> Iterator[dict[str, Any]]:
    """Let `pace` pieces a second through, by deadline: the work in between costs no time."""
    start = time.monotonic()
    for index, piece in enumerate(pieces):
        if pace:
            time.sleep(max(0.0, start + index / pace - time.monotonic()))
        yield piece


def _event(body: dict[str, Any]) -> str:
    return f"data: {json.dumps(body)}\n\n"
