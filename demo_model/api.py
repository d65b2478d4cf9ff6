"""The HTTP endpoints, in the shape of OpenAI's."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable, Iterator
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, request
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from demo_model.planning import next_turn
from demo_model.protocol import MODEL, ChatRequest, chunks, completion

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
    if chat.stream:
        headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        events = _events(chunks(chat, turn), pace)
        return Response(events, mimetype="text/event-stream", headers=headers)
    answer = completion(chat, turn)
    if pace:
        time.sleep(answer["usage"]["completion_tokens"] / pace)
    return jsonify(answer)


@api.get("/v1/models")
def models() -> Response:
    """The one model there is."""
    card = {"id": MODEL, "object": "model", "created": 1_767_225_600, "owned_by": "homestream"}
    return jsonify(object="list", data=[card])


@api.get("/health")
def health() -> Response:
    """Say that the service is up."""
    return jsonify(status="ok", model=MODEL)


@api.app_errorhandler(ValidationError)
def bad_body(error: ValidationError) -> tuple[Response, int]:
    """400 for a body that is no JSON or no proper request, naming what is wrong first."""
    first = error.errors()[0]
    param = ".".join(map(str, first["loc"]))
    message = first["msg"].removeprefix("Value error, ")
    return _refused(f"{param}: {message}".removeprefix(": "), 400, param=param or None)


@api.app_errorhandler(HTTPException)
def http_error(error: HTTPException) -> tuple[Response, int]:
    """Any other HTTP error in OpenAI's shape: unknown path, wrong method, our own failure."""
    code = error.name.lower().replace(" ", "_")
    message = f"{request.method} {request.path}: {error.description}"
    return _refused(message, error.code or 500, code=code)


def _refused(
    message: str, status: int, param: str | None = None, code: str | None = None
) -> tuple[Response, int]:
    kind = "server_error" if status >= 500 else "invalid_request_error"
    return jsonify(error={"message": message, "type": kind, "param": param, "code": code}), status


def _events(pieces: Iterable[dict[str, Any]], pace: float) -> Iterator[str]:
    """Yield server-sent events, `pace` a second. Closing early, as a lost client does, is logged.

    They are paced by deadline, so that the work in between costs no time. The first one, which
    holds no word yet, and the second go at once.
    """
    start, sent = time.monotonic(), 0
    try:
        for sent, piece in enumerate(pieces):
            if pace:
                time.sleep(max(0.0, start + (sent - 1) / pace - time.monotonic()))
            yield f"data: {json.dumps(piece)}\n\n"
        yield "data: [DONE]\n\n"
    except GeneratorExit:
        log.info("the client left after %d tokens", sent)
        raise
