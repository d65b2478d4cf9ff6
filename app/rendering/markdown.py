"""A whole Markdown text from a model as safe HTML.

pyromark parses and nh3 sanitises. The time both take is linear in the text's length, for any text.
This module knows nothing of streaming: see streamed_markdown.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import gevent
import nh3
import pyromark
from markupsafe import Markup

from app.rendering.code_colours import CLASSES
from app.rendering.formulas import with_formulas, without_formulas, without_mark
from app.rendering.links import LinkTarget, direct, secure_links, with_bare_addresses
from app.rendering.markdown_syntax import OPTIONS

_Result = TypeVar("_Result")

_cleaner = partial(
    nh3.Cleaner,
    tags={
        *("p", "br", "hr", "strong", "em", "del", "code", "pre", "blockquote", "a"),
        *("ul", "ol", "li", "h1", "h2", "h3", "h4", "h5", "h6"),
        *("table", "thead", "tbody", "tr", "th", "td"),
        *("div", "sup"),
    },
    attributes={"a": {"href", "title"}, "ol": {"start"}},
    allowed_classes={
        "th": {"right", "center"},
        "td": {"right", "center"},
        "li": {"task"},
        "div": {"footnote"},
        "code": CLASSES,
    },
    url_schemes={"http", "https", "mailto"},
    link_rel="noopener noreferrer nofollow",
)
_CLEANER = _cleaner()
_CLEANER_BESIDE_FORMULAS = _cleaner(attribute_filter=without_mark)
_ALIGNED = re.compile(r' style="text-align: (right|center)"')
# A task's box can't be pressed, so it is a sign.
_TASK = re.compile(r'<li>(\n<p>)?<input disabled="" type="checkbox"( checked="")?/>\n')
_FOOTNOTE = re.compile(r'<div class="footnote-definition" id="[^"]*">')
# Line breaks that no browser shows, and that every stream would carry.
_BESIDE_BLOCKS = re.compile(
    r"(</(?:p|h\d|[uo]l|li|blockquote|pre|table|thead|tbody|tr|t[dh]|div)>|<hr>"
    r"|<(?:[uo]l|li|blockquote|table|thead|tbody|tr|div)\b[^>]*>)\n"
)
_TAG = re.compile(r"<(/?)([a-z0-9]+)[^>]*>")
_VOID = {"br", "hr", "img"}
_INLINE = {"strong", "em", "del", "code", "a"}

DEEPEST = 32
"""Elements within elements. nh3 takes time quadratic in the depth: 60,000 `>` in a row would hold a
worker for 20 seconds, 200,000 for minutes."""
# Each can be within another of its kind; a list adds two elements. Anything else adds at most six.
_NESTING = ("<blockquote", "<div", "<ul", "<ul", "<ol", "<ol", "<strong", "<em", "<del")
_FLAT = 6

LARGE = 4_000
"""Characters beyond which a text is rendered in a thread, so that other answers go on meanwhile:
200,000 characters of hostile Markdown take about a second."""

# Stands for a "<" that is to be shown. It is removed from every text that comes in.
LESS = "\x01"
_MOST_PASSES = 8


def to_html(source: str, target: LinkTarget = direct) -> Markup:
    """Render a finished text as safe HTML, with links that lead where `target` says."""
    # Sanitised.
    html = in_thread_if_large(source, partial(_to_html, target))
    return Markup(html)  # noqa: S704 # nosec B704


def _to_html(target: LinkTarget, source: str) -> str:
    return render(escape_raw_html(source.replace(LESS, "")), target)


def in_thread_if_large(source: str, work: Callable[[str], _Result]) -> _Result:
    """Return `work(source)`. Other greenlets run meanwhile if that can take over 10 ms."""
    # A table's rows are filled up to its width, so that few characters can make many cells.
    most_cells = source.count("|") * source.count("\n")
    if len(source) <= LARGE and most_cells <= 5 * LARGE:
        return work(source)
    result: _Result = gevent.get_hub().threadpool.apply(work, (source,))
    return result


def render(source: str, target: LinkTarget = direct) -> str:
    """Render a text that holds no raw HTML (see `escape_raw_html`) as safe HTML."""
    source, formulas = without_formulas(source)
    html = pyromark.html(source, options=OPTIONS)
    # The policy allows no inline style, so a column's alignment becomes a class.
    if " style=" in html:
        html = _ALIGNED.sub(r' class="\1"', html)
    if "<input " in html:
        html = _TASK.sub(lambda task: _task(*task.groups()), html)
    if "footnote-definition" in html:
        html = _FOOTNOTE.sub('<div class="footnote">', html)
    cleaner = _CLEANER_BESIDE_FORMULAS if formulas else _CLEANER
    html = cleaner.clean(_flatten(html)).removesuffix("\n")
    # Left of a language that has no colours.
    html = html.replace('<code class="">', "<code>")
    if "\n" in html:
        html = _BESIDE_BLOCKS.sub(r"\1", html)
    html = secure_links(with_bare_addresses(html), target).replace(LESS, "&lt;")
    return with_formulas(html, formulas) if formulas else html


def _task(paragraph: str | None, checked: str | None) -> str:
    return f'<li class="task">{paragraph or ""}{"☑" if checked else "☐"} '


def escape_raw_html(source: str) -> str:
    """Return the source with raw HTML made plain text, every character in its place.

    The sanitiser would drop raw HTML, and with an unclosed `<style>` all text after it.
    """
    for _ in range(_MOST_PASSES):
        if "<" not in source:
            return source
        raw = bytearray(source.encode())
        for event, span in pyromark.events_with_range(source, options=OPTIONS):
            if isinstance(event, dict) and not event.keys().isdisjoint(("Html", "InlineHtml")):
                at = slice(span["start"], span["end"])
                raw[at] = raw[at].replace(b"<", LESS.encode())
        if (escaped := raw.decode()) == source:
            return source
        source = escaped
    # What one pass makes text can make the text after it HTML: a text can need as many passes as it
    # has lines. Then links like <https://…> are shown as text, too.
    return source.replace("<", LESS)


def _flatten(html: str) -> str:
    """Remove the tags of elements below DEEPEST, and keep their text."""
    if sum(map(html.count, _NESTING)) + _FLAT <= DEEPEST:
        return html
    kept: list[str] = []
    depth = end = 0
    for tag in _TAG.finditer(html):
        closes, name = tag[1], tag[2]
        if name in _VOID:
            continue
        depth -= bool(closes)
        if depth >= DEEPEST:
            kept += html[end : tag.start()], "" if name in _INLINE else "\n"
            end = tag.end()
        depth += not closes
    return "".join(kept) + html[end:]
