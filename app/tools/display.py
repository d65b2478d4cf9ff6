"""What a tool shows the person beside its result: made safe here, whichever server it came from.

HTML keeps only what lays out and emphasises: nothing that runs, is pressed or followed, or loads
anything from anywhere. Pictures come along as data, and are shown as images, in which nothing runs.
How it looks is the app's business: an element may name one of the classes that app.css has for it.
"""

from __future__ import annotations

import base64
import binascii
import csv
import io
import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import nh3
from mcp_types import (
    BlobResourceContents,
    EmbeddedResource,
    ImageContent,
    TextContent,
    TextResourceContents,
)

from app.agent.events import DisplayPart

MOST_PARTS = 8
LARGEST_PART = 300_000  # characters, pictures within it included
LARGEST_PICTURE = 200_000  # characters of base64

CLASSES = {
    *("show-grid", "show-card", "show-picture", "show-charts", "show-facts"),
    *("show-tag", "show-good", "show-busy", "show-over"),
    *("show-large", "show-quiet", "show-number", "show-best"),
}
_TAGS = {
    *("article", "section", "div", "header", "footer", "p", "span", "h2", "h3", "h4", "hr", "br"),
    *("strong", "em", "b", "i", "small", "del", "ins", "sub", "sup", "mark", "code", "pre"),
    *("ul", "ol", "li", "dl", "dt", "dd", "blockquote", "time", "abbr"),
    *("table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td"),
    *("figure", "figcaption", "img"),
}
# With these goes what is in them too: it would only be read as text that nobody meant to be read.
_GONE_WHOLE = {
    *("script", "style", "template", "noscript", "iframe", "object", "embed", "svg", "math"),
    *("title", "head", "textarea", "select", "option", "button", "audio", "video", "canvas"),
}
_SPANS = {"colspan", "rowspan"}
_CLEANER = nh3.Cleaner(
    tags=_TAGS,
    clean_content_tags=_GONE_WHOLE,
    attributes={
        "img": {"src", "alt", "width", "height"},
        "th": {"scope", *_SPANS},
        "td": _SPANS,
        "time": {"datetime"},
        "ol": {"start"},
    },
    attribute_filter=lambda _tag, name, value: _attribute(name, value),
    allowed_classes=dict.fromkeys(_TAGS, CLASSES),
    url_schemes={"data"},
    link_rel=None,
)
_PICTURE = re.compile(r"data:(image/(?:png|jpeg|gif|webp|svg\+xml));base64,([A-Za-z0-9+/=\s]+)")
# What begins a formula in a spreadsheet, but for a plain number.
_FORMULA = re.compile(r"[=@\t\r]|[+\-](?!\d+(?:\.\d+)?$)")
_NOT_IN_NAMES = re.compile(r"[^\w.-]+")


def display_parts(blocks: Iterable[Any]) -> tuple[DisplayPart, ...]:
    """What of a result's content blocks a person is to see, safe to be put into a page."""
    parts: list[DisplayPart] = []
    for block in blocks:
        part = _shown(block)
        if part is not None:
            parts.append(part)
    left_out = len(parts) - MOST_PARTS
    if left_out > 0:
        parts = [*parts[:MOST_PARTS], DisplayPart("text", f"{left_out} more parts are not shown.")]
    return tuple(parts)


def is_for_user_only(block: Any) -> bool:
    return _audience(block) == {"user"}


def _audience(block: Any) -> set[str]:
    annotations = block.annotations
    return set((annotations and annotations.audience) or ())


def _shown(block: Any) -> DisplayPart | None:
    audience = _audience(block)
    if isinstance(block, ImageContent) and audience != {"assistant"}:
        # A model can't see it here, so that without a word on who it is for it is the person's.
        return _picture(block.mime_type, block.data)
    if "user" not in audience:
        return None
    if isinstance(block, TextContent):
        # Meant for both, it is the model's answer that says it.
        return _bounded(DisplayPart("text", block.text)) if audience == {"user"} else None
    return _resource(block.resource) if isinstance(block, EmbeddedResource) else None


def _resource(resource: TextResourceContents | BlobResourceContents) -> DisplayPart:
    kind = (resource.mime_type or "").partition(";")[0].strip().lower()
    name = _name(str(resource.uri))
    if isinstance(resource, BlobResourceContents):
        return _picture(kind, resource.blob, name)
    if kind == "image/svg+xml":
        return _picture(kind, base64.b64encode(resource.text.encode()).decode(), name)
    if len(resource.text) > LARGEST_PART:
        return _too_large(name)
    if kind == "text/html":
        return _bounded(DisplayPart("html", sanitise_html(resource.text), name))
    if kind == "text/csv":
        return _bounded(DisplayPart("csv", "".join(_harmless_lines(resource.text)), name))
    return _bounded(DisplayPart("text", resource.text, name))


def sanitise_html(html: str) -> str:
    """HTML in which nothing runs, nothing loads and nothing can be pressed."""
    return _CLEANER.clean(html)


def _attribute(name: str, value: str) -> str | None:
    if name == "src":
        return value if _is_picture(value) else None
    if name in {*_SPANS, "width", "height", "start"}:
        return value if re.fullmatch(r"\d{1,4}", value) else None
    return value


def _is_picture(url: str) -> bool:
    found = _PICTURE.fullmatch(url)
    return found is not None and _drawable(found[1], found[2])


def _drawable(kind: str, data: str) -> bool:
    if len(data) > LARGEST_PICTURE:
        return False
    try:
        decoded = base64.b64decode(data, validate=True)
    except binascii.Error:
        return False
    return kind != "image/svg+xml" or _is_drawing(decoded)


def _is_drawing(svg: bytes) -> bool:
    """Whether it is plain SVG: what it declares could make it grow without end."""
    try:
        text = svg.decode()
    except UnicodeDecodeError:
        return False
    return "\0" not in text and "<!entity" not in text.lower()


def _picture(kind: str, data: str, name: str = "") -> DisplayPart:
    url = f"data:{kind};base64,{data}"
    if not _is_picture(url):
        return DisplayPart("text", f"A picture ({kind[:60]}) that can't be shown.", name)
    return DisplayPart("picture", url, name)


def _bounded(part: DisplayPart) -> DisplayPart:
    return part if len(part.text) <= LARGEST_PART else _too_large(part.name)


def _too_large(name: str) -> DisplayPart:
    return DisplayPart("text", f"{name or 'What it shows'} is too large to be shown here.", name)


def _name(uri: str) -> str:
    """The last part of a URI as a file's name."""
    last = PurePosixPath(urlsplit(uri).path or urlsplit(uri).netloc).name
    return _NOT_IN_NAMES.sub("-", last).strip(".-")[:80]


def _harmless_lines(text: str) -> Iterator[str]:
    """The table again, with no cell that a spreadsheet would run."""
    lines = io.StringIO()
    writer = csv.writer(lines)
    try:
        for row in csv.reader(io.StringIO(text)):
            writer.writerow([f"'{cell}" if _FORMULA.match(cell) else cell for cell in row])
    except csv.Error:
        yield "This table can't be read.\r\n"
        return
    yield lines.getvalue()
