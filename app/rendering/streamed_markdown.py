"""A Markdown text from a model as safe HTML, block by block while it is written.

A block is a paragraph, a list, a table, … It is finished once the line that opens the next block
is complete. Until then it is the open block, the only one that can still change.
"""

from __future__ import annotations

import re
from functools import partial
from hashlib import blake2s
from typing import NamedTuple

import pyromark

from app.rendering.formulas import formula_spans
from app.rendering.links import LinkTarget, direct
from app.rendering.markdown import (
    LARGE,
    LESS,
    escape_raw_html,
    in_thread_if_large,
    render,
)
from app.rendering.markdown_syntax import OPTIONS

_ANY_TAG = re.compile(r"<(/?)([a-z0-9]+)[^>]*>")
_CLOSING_TAG = re.compile(r"</[a-z0-9]+>")
_CLOSING_TAGS = re.compile(r"(?:</[a-z0-9]+>\s*)+$")
_VOID = ("br", "hr")
# The characters of plain text: in the middle of a line none of them means anything to Markdown.
# (A slash may make a web address, which becomes a link.)
_PLAIN = re.compile(r"(?:[^\W_]|[ .,;:?!'\"()%$@=+-])+")
_LETTER = re.compile(r"[^\W\d_]")
# A link, raw HTML, an entity, a table, an escape or a code block may take in the text after it.
_SWALLOWING = re.compile(r"[\[<&|\\]|\A *(?:```|~~~)")


_HUGE = 15 * LARGE


class Patch(NamedTuple):
    """A change of the HTML that a reader has of one text.

    `dropped` elements go from its end. Then each of `added`, (depth, HTML), goes to the end of the
    last element that is `depth` levels down; 0 is the text's own element.

    `finished` holds the blocks that can't change any more, for readers who can't take back what
    they have shown.
    """

    added: tuple[tuple[int, str], ...] = ()
    dropped: int = 0
    finished: str = ""


_digest = partial(blake2s, digest_size=16)


class StreamedMarkdown:
    """One text as it comes.

    `finished` and `opened` are the HTML that the reader has by now. Once it is shown, `finished`
    may be emptied to save memory: `has_become` compares the whole by a digest.
    """

    def __init__(self, target: LinkTarget = direct) -> None:
        self._render = partial(render, target=target)
        self.finished = ""
        self.opened = ""
        self._digest = _digest()
        self._tail = ""  # the source of the open block
        self._next_length = 0  # the tail is rendered again from this length on
        # Where plain text can go into `opened` without parsing, counted from its end; 0 if nowhere.
        self._growing = 0
        # Spaces at the tail's end, which show only once something follows them.
        self._spaces = ""

    def feed(self, text: str) -> Patch | None:
        """Take more text, cut anywhere. Return how the page changes, or None if it doesn't."""
        if self._growing and _PLAIN.fullmatch(text) and not self._closes_formula(text):
            return self._grow(text)
        self._tail += text.replace(LESS, "")
        if len(self._tail) < self._next_length:
            self._growing = 0
            return None
        return in_thread_if_large(self._tail, self._parse)

    def close(self) -> Patch | None:
        """Finish the open block: the text has ended."""
        return in_thread_if_large(self._tail, self._finish)

    def has_become(self, html: str) -> bool:
        """Whether the finished HTML is exactly this."""
        return self._digest.digest() == _digest(html.encode()).digest()

    def _parse(self, tail: str) -> Patch | None:
        source = escape_raw_html(tail)
        cut = _end_of_finished(source)
        finished = self._render(source[:cut]) if cut else ""
        patch = self._patch(finished, self._render(_without_unfinished_row(source[cut:])))
        # Keep the tail as it came: whether HTML is raw depends on what surrounds it.
        self._tail = tail[cut:]
        self._next_length = _next_length(self._tail, self.opened)
        self._growing = _growing_end(self._tail, self.opened)
        self._spaces = self._tail[len(self._tail.rstrip(" ")) :]
        return patch

    def _finish(self, tail: str) -> Patch | None:
        self._tail, self._next_length, self._growing = "", 0, 0
        return self._patch(self._render(escape_raw_html(tail)), "")

    def _grow(self, text: str) -> Patch | None:
        """Add plain text to plain text without parsing; most of an answer comes this way."""
        self._tail += text
        added = (self._spaces + text).rstrip(" ")
        self._spaces = (self._spaces + text)[len(added) :]
        if not added:
            return None
        end = len(self.opened) - self._growing
        self.opened = self.opened[:end] + added + self.opened[end:]
        return Patch(((self._depth, added),))

    def _closes_formula(self, text: str) -> bool:
        """Return whether the text may end a formula that is plain text so far."""
        return "$" in text and bool(formula_spans(self._tail + text))

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
        added = _additions(before, after)
        if added is not None:
            return Patch(added, 0, finished)
        kept, dropped = _common_blocks(before, after)
        return Patch(((0, after[kept:]),), dropped, finished)


def _next_length(tail: str, opened: str) -> int:
    """Return from which length on an open block is rendered again; 0 for at once.

    A large block must grow by a sixteenth first and a huge one by half, so that the work and
    the bytes for one endless block stay linear in its length.
    """
    size = max(len(tail), len(opened) // 4)
    if size <= LARGE:
        return 0
    return len(tail) + len(tail) // (16 if size <= _HUGE else 2)


def _growing_end(tail: str, opened: str) -> int:
    """Return where in `opened` plain text goes that follows `tail`, counted from its end.

    0 if plain text can't be added without parsing. It can in a line with a letter in it (so that
    the line is no marker of a list) where nothing is open that could swallow it.
    """
    line = tail[tail.rfind("\n") + 1 :].rstrip(" ")
    if not (line and _PLAIN.fullmatch(line[-1]) and _LETTER.search(line)):
        return 0
    # So may the address that a line ends with.
    if _SWALLOWING.search(tail) or "<pre>" in opened or "://" in line.rpartition(" ")[2]:
        return 0
    closing = _CLOSING_TAGS.search(opened)
    if closing is None or opened[closing.start() - 1] != line[-1]:
        return 0
    return len(opened) - closing.start()


def _end_of_finished(source: str) -> int:
    """Return where the open block begins: at the last block whose first line is complete.

    A line that isn't complete can still turn out otherwise ("#" is a heading, "#1" is text).
    """
    complete = source.rfind("\n") + 1
    if not source[max(source.find("\n"), 0) : complete].strip():
        # No complete line after the first one: there is no need to parse.
        return 0
    raw = source.encode()
    starts = [0]
    end = 0
    for _, span in pyromark.events_with_range(source, options=OPTIONS):
        if span["start"] >= end:
            # Not within the last block: the first event of the next one.
            starts.append(span["start"])
            end = span["end"]
    # The parser leaves a block's indentation out of its span, but it belongs to the block.
    lines = [raw.rfind(b"\n", 0, start) + 1 for start in starts[-2:]]
    offsets = [len(raw[:start].decode()) for start in lines]
    return max((at for at in offsets if source.find("\n", at, complete) >= 0), default=0)


def _without_unfinished_row(source: str) -> str:
    """Return the open block without a table's incomplete row, so that a table shows row by row."""
    if not source.lstrip().startswith("|"):
        return source
    complete = source[: source.rfind("\n") + 1]
    return complete if complete.count("\n") > 1 else ""


def _additions(before: str, after: str) -> tuple[tuple[int, str], ...] | None:
    """Return what to add to `before`, as Patch.added; None if adding is not enough.

    The end of the last block and the blocks after it are added one after the other, so that a
    block is not sent again because another one follows it.
    """
    if after.startswith(before):
        return ((0, after[len(before) :]),)
    trailing = _CLOSING_TAGS.search(before)
    at = trailing.start() if trailing else len(before)
    closing = _CLOSING_TAG.findall(before, at)
    if not after.startswith(before[:at]) or "".join(closing) != before[at:]:
        return None
    added: list[tuple[int, str]] = []
    level = 0  # within the added HTML
    for tag in _ANY_TAG.finditer(after, at):
        if tag[2] in _VOID:
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
    """Return the length of the blocks at the start that both have, and how many blocks of `before`
    follow them."""
    kept = dropped = level = 0
    for tag in _ANY_TAG.finditer(before):
        if tag[2] not in _VOID:
            level += -1 if tag[1] else 1
        elif level:
            continue
        if level == 0:
            end = tag.end()
            if dropped == 0 and after.startswith(before[kept:end], kept):
                kept = end
            else:
                dropped += 1
    return kept, dropped
