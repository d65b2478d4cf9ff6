"""The display parts of a tool's result: what people see of it, safe to be put into a page.

HTML keeps what lays out and emphasises. Nothing is left in it that runs, loads, or can be pressed
or followed. Pictures are data: URLs, shown as images, in which nothing runs. How parts look is up
to the app: an element may only name one of the classes that app.css has for them.
"""

from __future__ import annotations

import base64
import csv
import io
import re
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from mcp_types import (
    BlobResourceContents,
    EmbeddedResource,
    ImageContent,
    TextContent,
    TextResourceContents,
)

from app.agent.events import DisplayPart
from app.errors import ToolFailure
from app.tools.untrusted.checks import is_picture, sanitise_html
from app.tools.untrusted.responses import one_line
from tool_services.framework.scopes import SUGGESTIONS_META_KEY, WORDS_META_KEY

MAX_SUGGESTIONS = 4
MAX_SUGGESTION_CHARS = MAX_WORDS_CHARS = 80
MAX_PARTS = 8
MAX_PART_CHARS = 300_000  # pictures within it included

_SEPARATORS = ",;|\t"
_FIRST_LINE = 10_000  # characters in which the first line is looked for
_QUOTED = re.compile(r'"[^"]*"?')
_NOT_IN_NAMES = re.compile(r"[^\w.-]+")


def display_parts(
    blocks: Iterable[Any], sanitise: Callable[[str], str] = sanitise_html
) -> tuple[DisplayPart, ...]:
    """The parts for people among a result's content blocks. `sanitise` makes HTML safe; it may
    raise ToolFailure."""
    for_people = [block for block in blocks if _is_for_people(block)]
    parts = [_part(block, sanitise) for block in for_people[:MAX_PARTS]]
    left_out = len(for_people) - len(parts)
    if left_out:
        parts.append(DisplayPart("text", f"{left_out} more parts are not shown."))
    return tuple(parts)


def suggested_questions(meta: Any) -> tuple[DisplayPart, ...]:
    """The questions that a result's `_meta` suggests to ask next, within bounds."""
    suggested = meta.get(SUGGESTIONS_META_KEY) if isinstance(meta, dict) else None
    questions = suggested[:MAX_SUGGESTIONS] if isinstance(suggested, list) else []
    return tuple(
        DisplayPart("suggestion", question)
        for question in questions
        if isinstance(question, str) and 0 < len(question) <= MAX_SUGGESTION_CHARS
    )


def result_in_words(meta: Any) -> tuple[DisplayPart, ...]:
    """The few words of a result's `_meta` on what came of the call, within bounds."""
    words = meta.get(WORDS_META_KEY) if isinstance(meta, dict) else None
    if not isinstance(words, str) or not 0 < len(words) <= MAX_WORDS_CHARS:
        return ()
    return (DisplayPart("words", one_line(words)),)


def is_for_people_only(block: Any) -> bool:
    return _audience(block) == {"user"}


def _is_for_people(block: Any) -> bool:
    audience = _audience(block)
    if isinstance(block, ImageContent):
        # The model can't see it, so unless it is meant for the model alone, people do.
        return audience != {"assistant"}
    if isinstance(block, TextContent):
        # A text for both reaches people through the model's answer.
        return audience == {"user"}
    return isinstance(block, EmbeddedResource) and "user" in audience


def _audience(block: Any) -> set[str]:
    annotations = block.annotations
    return set((annotations and annotations.audience) or ())


def _part(block: Any, sanitise: Callable[[str], str]) -> DisplayPart:
    if isinstance(block, ImageContent):
        return _picture(block.mime_type, block.data)
    if isinstance(block, TextContent):
        return _bounded(DisplayPart("text", block.text))
    return _resource(block.resource, sanitise)


def _resource(
    resource: TextResourceContents | BlobResourceContents, sanitise: Callable[[str], str]
) -> DisplayPart:
    media_type = (resource.mime_type or "").partition(";")[0].strip().lower()
    name = _file_name(str(resource.uri))
    if isinstance(resource, BlobResourceContents):
        return _picture(media_type, resource.blob, name)
    if len(resource.text) > MAX_PART_CHARS:
        return _too_large(name)
    if media_type == "image/svg+xml":
        return _picture(media_type, base64.b64encode(resource.text.encode()).decode(), name)
    if media_type == "text/html":
        return _html(resource.text, name, sanitise)
    if media_type == "text/csv":
        return _bounded(DisplayPart("csv", without_formulas(resource.text), name))
    return DisplayPart("text", resource.text, name)


def _html(html: str, name: str, sanitise: Callable[[str], str]) -> DisplayPart:
    try:
        return _bounded(DisplayPart("html", sanitise(html), name))
    except ToolFailure as failure:
        return DisplayPart("text", failure.message, name)


def _picture(media_type: str, data: str, name: str = "") -> DisplayPart:
    url = f"data:{media_type};base64,{data}"
    if not is_picture(url):
        return DisplayPart("text", f"A picture ({media_type[:60]}) that can't be shown.", name)
    return DisplayPart("picture", url, name)


def _bounded(part: DisplayPart) -> DisplayPart:
    return part if len(part.text) <= MAX_PART_CHARS else _too_large(part.name)


def _too_large(name: str) -> DisplayPart:
    return DisplayPart("text", f"{name or 'A part'} is too large to be shown here.", name)


def _file_name(uri: str) -> str:
    """A name for a file, from the last part of a URI."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return ""
    last = PurePosixPath(parts.path or parts.netloc).name
    return _NOT_IN_NAMES.sub("-", last).strip(".-")[:80]


def without_formulas(table: str) -> str:
    """Return a CSV table with an apostrophe before all that a spreadsheet would run.

    The table keeps the tool's separator.
    """
    # Programs drop a NUL or a byte order mark, and what follows would be the cell's beginning.
    table = table.replace("\0", "").removeprefix("\ufeff")
    separator = _separator_of(table)
    formula = _formula(separator)
    lines = io.StringIO()
    writer = csv.writer(lines, delimiter=separator)
    try:
        # With newline="" a lone carriage return ends a row, as it does for a spreadsheet.
        for row in csv.reader(io.StringIO(table, newline=""), delimiter=separator):
            writer.writerow([formula.sub("'", cell) for cell in row])
    except csv.Error:
        return "This table can't be read.\r\n"
    return lines.getvalue()


def _separator_of(table: str) -> str:
    """Return the separator that the first line has most of; a comma if it has none."""
    line = _QUOTED.sub("", table[:_FIRST_LINE]).partition("\n")[0]
    return max(_SEPARATORS, key=line.count)


@cache
def _formula(separator: str) -> re.Pattern[str]:
    """Return what finds the places in a cell before which an apostrophe belongs.

    They are where a spreadsheet could see a formula: at the cell's beginning, and behind each
    separator in it, where a spreadsheet that goes by that one would cut. Between the two there may
    be quotes and spaces, which it drops. A plain number is no formula, whatever its sign.
    """
    # Between commas, a cell with commas is in quotes that keep it whole, and many are plain prose.
    cuts = "\t\r\n" + (_SEPARATORS.strip(",") if separator == "," else _SEPARATORS)
    # Without the cuts, or a row of them would be gone through once for each.
    dropped = r'(?:["\ufeff]|[^\S\t\r\n])*'
    number = rf"(?:\d[\d.,]*|[.,]\d+)(?:e[+-]?\d+)?%?{dropped}(?:[{cuts}]|$)"
    sign = rf"[=@＝＠]|[+\-＋－](?!{number})"  # noqa: RUF001 - some spreadsheets take these too
    # A first cell `sep=x` would name a separator of the tool's own.
    return re.compile(rf"(?:^|(?<=[{cuts}]))(?={dropped}(?:{sign}))|^(?=[\t\r]|sep=)", re.I)
