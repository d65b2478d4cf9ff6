"""Files of questions: read from a request, and sent to their owner."""

from __future__ import annotations

from typing import Any

import flask_jwt_extended as fje
from flask import Blueprint, Response, current_app, request, url_for

from app.auth.sessions import BAD_TOKEN, access_cookie, current_user, require_user
from app.conversations.ownership import load_file
from app.conversations.uploads import Upload
from app.db.file_models import QuestionFile
from app.db.models import db
from app.errors import NotFound
from app.lifecycle import services

bp = Blueprint("files", __name__, url_prefix="/files")
bp.before_request(require_user)

_ALONE = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""The policy of a file that is opened by itself: nothing of it may run or load anything. The style
is that of the browser's own view of an image."""


@bp.get("/<file_id>")
def show(file_id: str) -> Response:
    """Send a file: an image to be shown, a text to be saved."""
    file = load_file(current_user().id, file_id)
    content = _read_content(file)
    media_type = file.media_type if file.is_image else "text/plain; charset=utf-8"
    response = Response(content, content_type=media_type)
    place = "inline" if file.is_image else "attachment"
    response.headers.set("Content-Disposition", place, filename=file.name)
    response.headers["Content-Security-Policy"] = _ALONE
    return response


def _read_content(file: QuestionFile) -> bytes:
    """Return the content, wherever it is. Raises NotFound and Unavailable."""
    if file.object_key is None:
        return file.content
    # No connection to the database is held meanwhile.
    db.session.commit()
    content = services().storage.read(file.object_key, file.size)
    if content is None:
        raise NotFound("This file isn't there any more.")
    return content


def allow_files() -> None:
    """Let a body be longer that may have files, before anything reads it, if its sender has signed
    in; for a blueprint's `before_request`."""
    is_form = request.method == "POST" and request.mimetype == "multipart/form-data"
    length, usual = request.content_length or 0, current_app.config["MAX_CONTENT_LENGTH"]
    if is_form and length > usual and _bears_token():
        request.max_content_length = services().settings.max_question_bytes


def _bears_token() -> bool:
    """Whether the request has a token that the app has signed, which may be too old by now."""
    refresh = request.cookies.get(current_app.config["JWT_REFRESH_COOKIE_NAME"])
    header = request.headers.get("Authorization", "").removeprefix("Bearer ")
    return any(map(_is_signed, filter(None, (header, access_cookie(), refresh))))


def _is_signed(token: str) -> bool:
    try:
        fje.decode_token(token, allow_expired=True)
    except BAD_TOKEN:
        return False
    return True


def has_uploads() -> bool:
    """Return whether the request has files."""
    return any(file.filename for file in request.files.getlist("files"))


def read_uploads() -> list[Upload]:
    """Return the files that the request has. A field for files without any is sent as an empty one
    without a name."""
    most = services().settings.max_file_bytes
    return [
        # One byte more tells that it is too large.
        Upload(file.filename or "", file.stream.read(most + 1))
        for file in request.files.getlist("files")
        if file.filename
    ]


def file_as_json(file: QuestionFile) -> dict[str, Any]:
    return {
        "id": file.id,
        "name": file.name,
        "mediaType": file.media_type,
        "size": file.size,
        "url": url_for("files.show", file_id=file.id),
    }
