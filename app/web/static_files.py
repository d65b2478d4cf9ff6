"""The files in `app/static`: compressed, and each under a name that changes with its content.

`url_for("static", filename="app.css")` gives `/static/app.1f2e3d4c5b6a.css`. What such a name leads
to never changes, so browsers keep it for a year without asking. The files are read once, at the
start, and need no build step.
"""

from __future__ import annotations

import gzip
import mimetypes
from dataclasses import dataclass
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from flask import Flask, Response, abort, current_app, request
from flask.typing import ResponseReturnValue
from markupsafe import Markup

_DIGITS = 12
_YEAR = 365 * 24 * 3600
_WORTH_COMPRESSING = 600
"""Bytes: below, the headers weigh more than what is saved."""


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file with the digest of its content, and its content in gzip (None if that isn't less)."""

    content: bytes
    compressed: bytes | None
    digest: str
    media_type: str

    @classmethod
    def read(cls, path: Path) -> StaticFile:
        content = path.read_bytes()
        # No time in it: every worker then has the same bytes.
        packed = gzip.compress(content, mtime=0) if len(content) > _WORTH_COMPRESSING else content
        return cls(
            content,
            packed if len(packed) < len(content) else None,
            sha256(content).hexdigest()[:_DIGITS],
            mimetypes.guess_type(path.name)[0] or "application/octet-stream",
        )


def init_app(app: Flask) -> None:
    """Serve the files of the app's static folder, in place of Flask's own way."""
    files = _read_all(Path(app.root_path) / "static")
    app.extensions["static_files"] = files
    app.add_url_rule("/static/<path:filename>", "static", _serve, methods=["GET"])

    @app.url_defaults
    def name_by_content(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == "static" and (file := files.get(values["filename"])):
            values["filename"] = _name_with(file.digest, values["filename"])

    # No url_for: pieces of an answer are rendered outside of any request.
    icons = f"/static/{_name_with(files['icons.svg'].digest, 'icons.svg')}"
    # Kept: to format one takes 25 microseconds, and each question and answer has several.
    app.jinja_env.globals["icon"] = cache(partial(_icon, icons))


@cache
def _read_all(folder: Path) -> dict[str, StaticFile]:
    """Read a folder's files, by their path in it: once for all apps of a process."""
    return {
        path.relative_to(folder).as_posix(): StaticFile.read(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _icon(address: str, name: str) -> Markup:
    """Return a drawing of the sprite. It says nothing to screen readers: words stand beside it."""
    mark = '<svg class="icon" aria-hidden="true" width="18" height="18"><use href="{}#{}"/></svg>'
    return Markup(mark).format(address, name)  # noqa: S704 # nosec B704


def _name_with(digest: str, name: str) -> str:
    stem, dot, ending = name.rpartition(".")
    return f"{stem}.{digest}{dot}{ending}"


def _serve(filename: str) -> ResponseReturnValue:
    """Answer with a file, by its own name or by the one with a digest.

    The digest may be another version's: a page of a worker that isn't upgraded yet, or of one that
    is. Then what is here is sent, not to be kept.
    """
    name, digest = _split(filename)
    file: StaticFile | None = current_app.extensions["static_files"].get(name)
    if file is None:
        abort(404)
    response = _in_smallest_form(file)
    if digest == file.digest:
        response.cache_control.public = True
        response.cache_control.max_age = _YEAR
        response.cache_control.immutable = True
    else:
        response.cache_control.no_cache = True
    return response.make_conditional(request)


def _split(filename: str) -> tuple[str, str]:
    """Return the file's own name and the digest in the name, "" if there is none."""
    stem, dot, ending = filename.rpartition(".")
    stem, _, digest = stem.rpartition(".")
    if stem and len(digest) == _DIGITS and set(digest) <= set("0123456789abcdef"):
        return f"{stem}{dot}{ending}", digest
    return filename, ""


def _in_smallest_form(file: StaticFile) -> Response:
    """Return the file in gzip if it is smaller so and the browser takes it, each with its ETag."""
    packed = file.compressed if request.accept_encodings["gzip"] > 0 else None
    response = Response(packed or file.content, mimetype=file.media_type)
    response.vary.add("Accept-Encoding")
    if packed:
        response.content_encoding = "gzip"
    response.set_etag(f"{file.digest}-gzip" if packed else file.digest)
    return response
