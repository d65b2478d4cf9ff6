"""The words of a Markdown text without its markup, each with its place in the source."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Any, cast

import pyromark

_OPTIONS = pyromark.Options.ENABLE_TABLES | pyromark.Options.ENABLE_STRIKETHROUGH
_LONGEST_WORD = 12  # characters beyond which what is in italics is a phrase, and no stressed figure
_QUOTED = re.compile(
    r"[\"\u201c\u201e\u00ab]((?:[^\W_]+\W{1,3}){2,30}?[^\W_]+)[\"\u201c\u201d\u00bb]"
)
_INLINE = {"Strong", "Emphasis", "Strikethrough", "Link", "Image"}
_NOT_TEXT = {"CodeBlock", "HtmlBlock", "MetadataBlock", "Image"}


@dataclass(slots=True)
class MarkdownText:
    """The text of blocks and cells, a line for each block. Code blocks and bare addresses of the
    web are left out. `labels` has, by where a cell begins, the words at its column's head and its
    row's; `lengths` has how many items each list has, and how many rows each table."""

    text: str = ""
    labels: dict[int, tuple[str, str]] = field(default_factory=dict)
    lengths: set[int] = field(default_factory=set)
    phrases: list[tuple[int, int]] = field(default_factory=list)
    """Where phrases in italics or in quotes are."""
    _starts: list[int] = field(default_factory=list)
    _places: list[int] = field(default_factory=list)  # in the source
    _source: str = ""

    def place(self, start: int, end: int) -> tuple[int, int] | None:
        """Return where a piece of the text is in the source; None if it has markup within it."""
        first = bisect_right(self._starts, start) - 1
        last = bisect_right(self._starts, end - 1) - 1
        at = self._places[first] + start - self._starts[first]
        until = self._places[last] + end - self._starts[last]
        if first != last:
            extra = len(self._source[at:until].replace("\\", "")) - (end - start)
            if extra or self._source[at:until].count("*"):
                return None
        return at, until

    def is_quoted(self, at: int) -> bool:
        """Whether this place is in a phrase of some words that is quoted."""
        return any(start <= at < end for start, end in self.phrases)

    def label(self, at: int) -> tuple[str, str]:
        """Return the words at the head of the column and of the row that this place is in."""
        begin = max(self.text.rfind("\t", 0, at), self.text.rfind("\n", 0, at)) + 1
        return self.labels.get(begin, ("", ""))


class _Reader:
    """Reads the parser's events into a text."""

    def __init__(self, source: str) -> None:
        self._raw = source.encode()
        self._byte = self._char = 0
        self._pieces: list[str] = []
        self._length = 0
        self._skipped = 0  # elements that are open and whose text is left out
        self._heads: list[str] = []
        self._cells: list[str] = []
        self._cell_start = self._cell_piece = 0
        self._in_head = False
        self._counts: list[int] = []
        self._emphasised: list[int] = []
        self.found = MarkdownText(_source=source)

    def read(self) -> MarkdownText:
        source = self._raw.decode()
        for event, span in pyromark.events_with_range(source, options=_OPTIONS):
            if isinstance(event, str):
                self._add("\n" if event == "HardBreak" else " ", span)
                continue
            ((kind, value),) = cast(dict[str, Any], event).items()
            if kind == "Start":
                self._open(value)
            elif kind == "End":
                self._close(value)
            elif kind in ("Text", "Code") and not self._skipped:
                self._add(value, span)
        self.found.text = "".join(self._pieces)
        self.found.phrases += [match.span(1) for match in _QUOTED.finditer(self.found.text)]
        return self.found

    def _add(self, text: str, span: Any) -> None:
        # The parser counts bytes. Code has its marks around it.
        within = self._raw.find(text.encode(), span["start"], span["end"])
        at = span["start"] if within < 0 else within
        if at >= self._byte:
            self._char += len(self._raw[self._byte : at].decode(errors="ignore"))
            self._byte = at
        self.found._starts.append(self._length)
        self.found._places.append(self._char)
        self._pieces.append(text)
        self._length += len(text)

    def _open(self, value: Any) -> None:
        name = value if isinstance(value, str) else next(iter(value))
        if name in _NOT_TEXT or (name == "Link" and value[name]["link_type"] in _BARE):
            self._skipped += 1
        elif name == "TableHead":
            self._in_head, self._heads, self._cells = True, [], []
        elif name == "TableRow":
            self._cells = []
            self._count()
        elif name == "Emphasis":
            self._emphasised.append(self._length)
        elif name in ("List", "Table"):
            self._counts.append(0)
        elif name == "Item":
            self._count()
        elif name == "TableCell":
            self._cell_start, self._cell_piece = self._length, len(self._pieces)

    def _count(self) -> None:
        if self._counts:
            self._counts[-1] += 1

    def _close(self, value: Any) -> None:
        name = value if isinstance(value, str) else next(iter(value))
        if self._skipped:
            self._skipped -= name in _NOT_TEXT or name == "Link"
        if name == "TableCell":
            self._end_cell()
        elif name == "Emphasis":
            self._end_emphasis(self._emphasised.pop())
        elif name not in _INLINE:
            if name in ("List", "Table"):
                self.found.lengths.add(self._counts.pop())
            self._in_head = self._in_head and name != "TableHead"
            self._break("\n")

    def _end_emphasis(self, start: int) -> None:
        if self._length - start > _LONGEST_WORD:
            self.found.phrases.append((start, self._length))

    def _end_cell(self) -> None:
        cell = "".join(self._pieces[self._cell_piece :])
        if self._in_head:
            self._heads.append(cell)
        else:
            column = len(self._cells)
            head = self._heads[column] if column < len(self._heads) else ""
            self.found.labels[self._cell_start] = (head, self._cells[0] if self._cells else "")
            self._cells.append(cell)
        self._break("\t")

    def _break(self, mark: str) -> None:
        self.found._starts.append(self._length)
        self.found._places.append(self._char)
        self._pieces.append(mark)
        self._length += 1


_BARE = ("Autolink", "Email")


def read_markdown(source: str) -> MarkdownText:
    """Read a Markdown text."""
    return _Reader(source).read()
