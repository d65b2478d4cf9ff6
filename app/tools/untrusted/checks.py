"""Work on schemas and HTML: how a value differs from a schema, and HTML made safe.

None of it is bounded in time: a schema of a few lines can take weeks, and the libraries don't let
other threads run meanwhile. For what other people's servers send, this file is therefore the
program of a process of its own (see sandbox.py). It imports nothing of the app, which keeps that
process small.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import resource
import signal
import sys
from collections.abc import Callable
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple, Protocol

import jsonschema_rs
import nh3
from email_validator import EmailNotValidError, validate_email
from jsonschema_rs import ValidationErrorKind as Kind

MAX_MISTAKES = 5
MAX_MISTAKE_CHARS = 300
LONGEST_EMAIL = 320
LARGEST_PICTURE = 200_000  # characters of the data: URL
LARGEST_REPLY = 1_000_000  # characters

CLASSES = {
    *("show-grid", "show-card", "show-picture", "show-charts", "show-facts"),
    *("show-tag", "show-good", "show-busy", "show-over"),
    *("show-large", "show-quiet", "show-number", "show-best"),
}
"""The classes that app.css has for HTML of tools."""
_TAGS = {
    *("article", "section", "div", "header", "footer", "p", "span", "h2", "h3", "h4", "hr", "br"),
    *("strong", "em", "b", "i", "small", "del", "ins", "sub", "sup", "mark", "code", "pre"),
    *("ul", "ol", "li", "dl", "dt", "dd", "blockquote", "time", "abbr"),
    *("table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td"),
    *("figure", "figcaption", "img"),
}
# Removed with their content, which would otherwise be left as text that nobody meant to be read.
_REMOVED_WHOLE = {
    *("script", "style", "template", "noscript", "iframe", "object", "embed", "svg", "math"),
    *("title", "head", "textarea", "select", "option", "button", "audio", "video", "canvas"),
}
_SPANS = {"colspan", "rowspan"}
_NUMBER = re.compile(r"\d{1,4}")
_PICTURE = re.compile(r"data:(image/(?:png|jpeg|gif|webp|svg\+xml));base64,([A-Za-z0-9+/=\s]+)")
_FORMATS = {
    "email": "an e-mail address such as ann@example.com",
    "idn-email": "an e-mail address such as ann@example.com",
    "date": "a date such as 2026-11-30",
    "time": "a time such as 10:30:00Z",
    "date-time": "a date and time such as 2026-11-30T10:30:00Z",
    "uri": "an address such as https://example.com/",
    "uuid": "a UUID",
}


class Mistake(NamedTuple):
    """Where a value differs from a schema, and how. `field` is a path such as "items.0", or ""."""

    field: str
    problem: str

    def __str__(self) -> str:
        return f"{self.field or 'as a whole'}: {self.problem}"


class Checks(Protocol):
    """The functions below, in this process or another. Each raises ToolFailure at a limit."""

    def schema_problem(self, schema: dict[str, Any]) -> str: ...

    def find_mistakes(
        self, schema: dict[str, Any], value: Any, *, formats: bool
    ) -> list[Mistake]: ...

    def sanitise_html(self, html: str) -> str: ...

    def __hash__(self) -> int: ...


def schema_problem(schema: dict[str, Any]) -> str:
    """Why a schema can't be used, or ""."""
    try:
        _validator(json.dumps(schema), formats=False)
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        return _short(str(getattr(error, "message", error)))
    return ""


def find_mistakes(schema: dict[str, Any], value: Any, *, formats: bool) -> list[Mistake]:
    """How a value differs from a schema, in the first few places. With `formats`, texts are checked
    for being a date, an e-mail address and so on, too."""
    validator = _validator(json.dumps(schema), formats=formats)
    if validator.is_valid(value):
        return []
    return [_mistake(error) for error in islice(validator.iter_errors(value), MAX_MISTAKES)]


@lru_cache(maxsize=256)
def _validator(schema: str, *, formats: bool) -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for(
        schema,
        validate_formats=formats,
        formats={"email": _is_email, "idn-email": _is_email},
        offline=True,  # nothing that a schema refers to is fetched or opened
    )


def _is_email(text: str) -> bool:
    """Whether it is an address that mail can be sent to; the format's own rule is ASCII only."""
    try:
        return len(text) <= LONGEST_EMAIL and bool(validate_email(text, check_deliverability=False))
    except EmailNotValidError:
        return False


def _mistake(error: jsonschema_rs.ValidationError) -> Mistake:
    path = [str(step) for step in error.instance_path]
    problem = error.message
    match error.kind:
        case Kind.Required(property=name):
            path, problem = [*path, name], "this is missing"
        case Kind.AdditionalProperties(unexpected=names):
            problem = f"there is no {' or '.join(names)}"
        case Kind.Format(format=name) if name in _FORMATS:
            problem = f"{json.dumps(error.instance, ensure_ascii=False)} is not {_FORMATS[name]}"
    return Mistake(".".join(path), _short(problem))


def _short(text: str) -> str:
    return text if len(text) <= MAX_MISTAKE_CHARS else f"{text[:MAX_MISTAKE_CHARS]}…"


def sanitise_html(html: str) -> str:
    """HTML in which nothing runs, nothing loads, and nothing can be pressed or followed."""
    return _CLEANER.clean(html)


def is_picture(url: str) -> bool:
    """Whether a URL holds a picture of a kind and size that is displayed."""
    match = _PICTURE.fullmatch(url) if len(url) <= LARGEST_PICTURE else None
    return match is not None and _is_drawable(match[1], match[2])


def _filter_attribute(_tag: str, name: str, value: str) -> str | None:
    if name == "src":
        return value if is_picture(value) else None
    if name in {*_SPANS, "width", "height", "start"}:
        return value if _NUMBER.fullmatch(value) else None
    return value


def _is_drawable(media_type: str, data: str) -> bool:
    try:
        decoded = base64.b64decode(data, validate=True)
    except binascii.Error:
        return False
    return media_type != "image/svg+xml" or _is_plain_svg(decoded)


def _is_plain_svg(svg: bytes) -> bool:
    """Whether an SVG declares no entities, which could make it grow without end."""
    try:
        text = svg.decode()
    except UnicodeDecodeError:
        return False
    return "\0" not in text and "<!entity" not in text.lower()


_CLEANER = nh3.Cleaner(
    tags=_TAGS,
    clean_content_tags=_REMOVED_WHOLE,
    attributes={
        "img": {"src", "alt", "width", "height"},
        "th": {"scope", *_SPANS},
        "td": _SPANS,
        "time": {"datetime"},
        "ol": {"start"},
    },
    attribute_filter=_filter_attribute,
    allowed_classes=dict.fromkeys(_TAGS, CLASSES),
    url_schemes={"data"},
    link_rel=None,
)
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    function.__name__: function for function in (schema_problem, find_mistakes, sanitise_html)
}


def main(seconds: float, memory: int) -> None:
    """Read requests from standard input, a line of JSON each: [function, arguments, options]. Write
    what the function returns as a line. Each may take so many seconds; then the process ends."""
    os.nice(10)  # people's answers go first
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    for line in sys.stdin.buffer:
        # Python's handlers run between its own instructions; this signal's default ends at once.
        signal.setitimer(signal.ITIMER_REAL, seconds)
        function, arguments, options = json.loads(line)
        reply = json.dumps(_FUNCTIONS[function](*arguments, **options))
        if len(reply) > LARGEST_REPLY:
            return
        signal.setitimer(signal.ITIMER_REAL, 0)
        print(reply, flush=True)


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]))
