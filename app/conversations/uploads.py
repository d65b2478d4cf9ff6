"""What an uploaded file is, by its content alone: an image that is encoded again, or a text.

A name or a header says nothing here. An image is decoded and encoded again, so that nothing is left
but its pixels: no place where it was taken, and nothing hidden behind or within it. Knows nothing
of who sends it or where it is kept.
"""

from __future__ import annotations

import codecs
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import gevent
from gevent import subprocess
from gevent.lock import BoundedSemaphore

from app.errors import InputError, Unavailable

_PROGRAM = (sys.executable, "-I", str(Path(__file__).with_name("encode_image.py")))
_PROBLEMS = {
    "unknown": "“{name}” is neither a PNG, JPEG, WebP or GIF image nor a text in UTF-8."
    " Send one of these.",
    "broken": "“{name}” is a broken image: it can't be read to its end.",
    "large": "“{name}” has {width:,} by {height:,} pixels, and 25 million fit."
    " Make it smaller first.",
}
_BEGINNING = 2_000
_SECONDS = 20.0
_LONGEST_NAME = 100
# Those that texts have: tab, line feed, form feed, carriage return, escape.
_CONTROL = re.compile("[\0-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it was sent: what its sender calls it, and its bytes."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file as it is kept. Texts have a `beginning`, images a `width` and a `height` in pixels."""

    name: str
    media_type: Literal["image/png", "image/jpeg", "text/plain"]
    content: bytes
    beginning: str = ""
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """The most files of a question, and the most bytes of each, as it is sent, and of a text."""

    count: int
    size: int
    text_size: int


def read_uploads(uploads: Sequence[Upload], limits: UploadLimits) -> list[ReadFile]:
    """Read the files of a question. Raises InputError and Unavailable."""
    if len(uploads) > limits.count:
        raise InputError(f"A question takes {limits.count} files at most.", field="files")
    return [_read(upload, limits) for upload in uploads]


def clean_name(name: str) -> str:
    """Return a file's name without folders and signs that can't be seen, cut where it is long."""
    last = re.split(r"[/\\]", name)[-1]
    shown = "".join(char for char in last if char.isprintable()).strip()
    return shown[-_LONGEST_NAME:] or "file"


def _read(upload: Upload, limits: UploadLimits) -> ReadFile:
    name = clean_name(upload.name)
    if not upload.content:
        raise InputError(f"“{name}” is empty.", field="files")
    _check_size(name, upload.content, limits.size)
    return _read_text(name, upload.content, limits.text_size) or _read_image(name, upload.content)


def _check_size(name: str, content: bytes, most: int) -> None:
    if len(content) > most:
        size, fits = in_megabytes(len(content)), in_megabytes(most)
        raise InputError(f"“{name}” has {size} MB; {fits} fit.", field="files", status=413)


def _read_text(name: str, content: bytes, most: int) -> ReadFile | None:
    """Return the text; None if it is none in UTF-8."""
    content = content.removeprefix(codecs.BOM_UTF8)
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return None
    if _CONTROL.search(text):
        return None
    _check_size(name, content, most)
    return ReadFile(name, "text/plain", content, text[:_BEGINNING])


def _read_image(name: str, content: bytes) -> ReadFile:
    """Encode the image again in another process, one at a time, which bounds the memory."""
    timeout = gevent.Timeout(_SECONDS)
    try:
        with timeout, _decoding():
            done = subprocess.run(_PROGRAM, input=content, capture_output=True, env={})
    except gevent.Timeout as late:
        if late is not timeout:
            raise
        raise Unavailable("Images take too long to be read just now. Try again.") from None
    head, _, encoded = done.stdout.partition(b"\n")
    about: dict[str, Any] = json.loads(head) if done.returncode == 0 else {"problem": "broken"}
    if problem := about.get("problem"):
        raise InputError(_PROBLEMS[problem].format(name=name, **about), field="files")
    return ReadFile(name, about["mediaType"], encoded, width=about["width"], height=about["height"])


@cache
def _decoding() -> BoundedSemaphore:
    return BoundedSemaphore(1)


def in_megabytes(size: int) -> str:
    return f"{size / 1_000_000:,.1f}".removesuffix(".0")
