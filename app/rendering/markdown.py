"""The model's Markdown as safe HTML: a whole text at once, or block by block as it is written.

pyromark parses, nh3 sanitises. A block (paragraph, list, table, …) is finished once the line that
opens the next one is complete; until then it is the open block, the only one that can change.
"""

from __future__ import annotations

import re
from functools import partial
from hashlib import blake2s
from typing import NamedTuple

import nh3
import pyromark
from markupsafe import Markup

_OPTIONS = pyromark.Options.ENABLE_TABLES | pyromark.Options.ENABLE_STRIKETHROUGH
_CLEANER = nh3.Cleaner(
    tags={
        *("p", "br", "hr", "strong", "em", "del", "code", "pre", "blockquote", "a"),
        *("ul", "ol", "li", "h1", "h2", "h3", "h4", "h5", "h6"),
        *("table", "thead", "tbody", "tr", "th", "td"),
    },
    attributes={"a": {"href", "title"}, "ol": {"start"}},
    allowed_classes={"th": {"right", "center"}, "td": {"right", "center"}},
    url_schemes={"http", "https", "mailto"},
    link_rel="noopener noreferrer nofollow",
)
_ALIGNED = re.compile(r' style="text-align: (right|center)"')
# Line breaks that no browser shows, and that every stream would carry.
_BESIDE_BLOCKS = re.compile(
    r"(</(?:p|h\d|[uo]l|li|blockquote|pre|table|thead|tbody|tr|t[dh])>|<hr>"
    r"|<(?:[uo]l|li|blockquote|table|thead|tbody|tr)\b[^>]*>)\n"
)
_LESS = "\x01"  # stands for a "<" that is to be shown; what comes in never holds it
_ANY_TAG = re.compile(r"<(/?)([a-z0-9]+)[^>]*>")
_CLOSING_TAG = re.compile(r"</[a-z0-9]+>")
_CLOSING_TAGS = re.compile(r"(?:</[a-z0-9]+>\s*)+$")
# What plain text consists of: none of it means anything to Markdown in the middle of a line.
_PLAIN = re.compile(r"(?:[^\W_]|[ .,;:?!'\"()%$/@=+-])+")
_LETTER = re.compile(r"[^\W\d_]")
_SWALLOWING = re.compile(r"[\[<&|\\]|\A *(?:```|~~~)")

# An open block beyond this many characters is rendered again only when it has grown by a
# sixteenth, so that the work and the bytes for one endless block stay linear in its length.
_LARGE = 4_000


def to_html(source: str) -> Markup:
    """A finished text as safe HTML."""
    return Markup(_render(_without_html(source.replace(_LESS, ""))))  # noqa: S704 - sanitised


def _render(source: str) -> str:
    # The policy allows no inline style, so a column's alignment becomes a class.
    html = pyromark.html(source, options=_OPTIONS)
    if " style=" in html:
        html = _ALIGNED.sub(r' class="\1"', html)
    html = _CLEANER.clean(html).removesuffix("\n")
    if "\n" in html:
        html = _BESIDE_BLOCKS.sub(r"\1", html)
    return html.replace(_LESS, "&lt;")


def _without_html(source: str) -> str:
    """The source with raw HTML made plain text, every character in its place. Left as it is, the
    sanitiser would drop it, and with an unclosed `<style>` all that follows."""
    while "<" in source:
        raw = bytearray(source.encode())
        for event, span in pyromark.events_with_range(source, options=_OPTIONS):
            if isinstance(event, dict) and not event.keys().isdisjoint(("Html", "InlineHtml")):
                at = slice(span["start"], span["end"])
                raw[at] = raw[at].replace(b"<", _LESS.encode())
        if (plain := raw.decode()) == source:
            break
        source = plain
    return source


class Patch(NamedTuple):
    """How what is shown of a text changes: `dropped` elements go from its end; then each of `added`
    comes, in order, to the end of the last element that is so many levels down (0: of the whole).

    `finished` are the blocks that can't change any more, for readers who take nothing back.
    """

    added: tuple[tuple[int, str], ...] = ()
    dropped: int = 0
    finished: str = ""


_digest = partial(blake2s, digest_size=16)


class StreamedMarkdown:
    """One text as it comes. `finished` and `opened` are the HTML as a reader has it by now. What is
    finished and was shown may be forgotten, for in the end all that matters is what `has_become` of
    the whole."""

    def __init__(self) -> None:
        self.finished = ""
        self._digest = _digest()
        self.opened = ""
        self._tail = ""
        self._rendered_at = 0
        # Where plain text can be put into `opened` as it is, counted from its end; 0 where it can't
        # without parsing all that is open. `_spaces` of the tail show only before what follows.
        self._growing = 0
        self._spaces = ""

    def feed(self, text: str) -> Patch | None:
        """Take more text, cut anywhere; how the page changes, or None when it doesn't."""
        if self._growing and _PLAIN.fullmatch(text):
            return self._grow(text)
        self._tail += text.replace(_LESS, "")
        if len(self._tail) > _LARGE and len(self._tail) < self._rendered_at * 17 // 16:
            self._growing = 0
            return None
        self._rendered_at = len(self._tail)
        # Raw HTML is told by what surrounds it, so the tail itself is kept as it came.
        source = _without_html(self._tail)
        cut = _end_of_finished(source)
        self._tail = self._tail[cut:]
        finished = _render(source[:cut]) if cut else ""
        patch = self._patch(finished, _render(_presentable(source[cut:])))
        self._growing = _growing_end(self._tail, self.opened)
        self._spaces = self._tail[len(self._tail.rstrip(" ")) :]
        return patch

    def close(self) -> Patch | None:
        """The text has ended: what was open is finished."""
        finished = _render(_without_html(self._tail))
        self._tail, self._rendered_at, self._growing = "", 0, 0
        return self._patch(finished, "")

    def has_become(self, html: str) -> bool:
        """Whether this is all that is finished."""
        return self._digest.digest() == _digest(html.encode()).digest()

    def _grow(self, text: str) -> Patch | None:
        """Plain text after plain text, which is most of an answer: it shows as it is."""
        self._tail += text
        added = (self._spaces + text).rstrip(" ")
        self._spaces = (self._spaces + text)[len(added) :]
        if not added:
            return None
        end = len(self.opened) - self._growing
        self.opened = self.opened[:end] + added + self.opened[end:]
        return Patch(((self._depth, added),))

    @property
    def _depth(self) -> int:
        return len(_CLOSING_TAG.findall(self.opened, len(self.opened) - self._growing))

    def _patch(self, finished: str, opened: str) -> Patch | None:
        before, self.opened = self.opened, opened
        if finished:
            self._digest.update(finished.encode())
            self.finished += finished
        after = finished + opened
        if after.strip() == before.strip():
            return Patch(finished=finished) if finished else None
        added = _appending(before, after)
        if added is not None:
            return Patch(added, 0, finished)
        kept, left = _common_blocks(before, after)
        return Patch(((0, after[kept:]),), left, finished)


def _growing_end(tail: str, opened: str) -> int:
    """How far from the end of `opened` plain text goes that follows `tail`, if it shows as it is;
    else 0. It does in a line with a letter in it, so that it is no marker of a list, where nothing
    is open that could swallow it: a link, an entity, a table, raw HTML, code."""
    line = tail[tail.rfind("\n") + 1 :].rstrip(" ")
    if not (line and _PLAIN.fullmatch(line[-1]) and _LETTER.search(line)):
        return 0
    if _SWALLOWING.search(tail) or "<pre>" in opened:
        return 0
    closing = _CLOSING_TAGS.search(opened)
    if closing is None or opened[closing.start() - 1] != line[-1]:
        return 0
    return len(opened) - closing.start()


def _end_of_finished(source: str) -> int:
    """Where the open part begins: at the last block whose first line is complete.

    A line that isn't complete can still turn out otherwise ("#" is a heading, "#1" is text).
    """
    complete = source.rfind("\n") + 1
    if not source[max(source.find("\n"), 0) : complete].strip():
        # No complete line after the first one: there is no need to parse.
        return 0
    raw = source.encode()
    starts = [0]
    level = 0
    for event, span in pyromark.events_with_range(source, options=_OPTIONS):
        kind = next(iter(event)) if isinstance(event, dict) else event
        if level == 0 and kind != "End":
            starts.append(span["start"])
        level += {"Start": 1, "End": -1}.get(kind, 0)
    # The parser leaves a block's indentation out of its span, but it belongs to the block.
    lines = [raw.rfind(b"\n", 0, start) + 1 for start in starts[-2:]]
    offsets = [len(raw[:start].decode()) for start in lines]
    return max((at for at in offsets if source.find("\n", at, complete) >= 0), default=0)


def _presentable(source: str) -> str:
    """The open part without a table's incomplete row, so that a table shows row by row."""
    if not source.lstrip().startswith("|"):
        return source
    complete = source[: source.rfind("\n") + 1]
    return complete if complete.count("\n") > 1 else ""


def _appending(before: str, after: str) -> tuple[tuple[int, str], ...] | None:
    """What only has to be added, and how many levels down from the end, if that is all there is
    to do. What ends and what begins anew are added one after the other, so that a block is not
    sent again because another one follows it."""
    if after.startswith(before):
        return ((0, after[len(before) :]),)
    trailing = _CLOSING_TAGS.search(before)
    at = trailing.start() if trailing else len(before)
    closing = _CLOSING_TAG.findall(before, at)
    if not after.startswith(before[:at]) or "".join(closing) != before[at:]:
        return None
    added: list[tuple[int, str]] = []
    level = 0  # within what is added
    for tag in _ANY_TAG.finditer(after, at):
        if tag[2] in ("br", "hr"):
            continue
        if not tag[1]:
            level += 1
        elif level:
            level -= 1
        elif closing and tag[0] == closing[0]:
            added.append((len(closing), after[at : tag.start()]))
            at = tag.end()
            del closing[0]
        else:
            return None
    if level or closing:
        return None
    added.append((0, after[at:]))
    return tuple((depth, html) for depth, html in added if html)


def _common_blocks(before: str, after: str) -> tuple[int, int]:
    """How much of the beginning stays as it is, up to the end of a block, and how many blocks of
    `before` follow it."""
    kept = left = level = 0
    for tag in _ANY_TAG.finditer(before):
        if tag[2] not in ("br", "hr"):
            level += -1 if tag[1] else 1
        elif level:
            continue
        if level == 0:
            end = tag.end()
            if left == 0 and after.startswith(before[kept:end], kept):
                kept = end
            else:
                left += 1
    return kept, left
