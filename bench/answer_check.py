"""Checks that an answer is complete and right, after the measurement.

The product's own tests prove that a browser shows exactly the answer's HTML. Here the words are
enough: each of them once, in order, and the event that marks the end.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser

from app.rendering.markdown import to_html

_PART = re.compile(
    r'<hx-partial hx-target="#(\w)-\w+((?: > :last-child)*)" hx-swap="(\w+)">(.*?)</hx-partial>',
    re.S,
)
_VOID = {"br", "hr", "img", "input", "link", "meta", "wbr"}

Check = Callable[[str, str], bool]
"""Tells from a stream's body whether it is the whole answer with this text."""


def events(body: str) -> Iterator[tuple[str, str]]:
    """Yield the name and data of each Server-Sent Event."""
    for block in re.split(r"\r?\n\r?\n", body):
        name, data = "message", []
        for line in block.splitlines():
            field, _, value = line.partition(":")
            if field == "event":
                name = value.strip()
            elif field == "data":
                data.append(value.removeprefix(" "))
        if data:
            yield name, "\n".join(data)


def is_whole_json(body: str, text: str) -> bool:
    """Check a stream of JSON: chunks that make up the text, then `done`."""
    chunks: list[str] = []
    name = ""
    for name, data in events(body):
        if name == "content":
            value = json.loads(data)
            if value.get("replace"):
                chunks.clear()
            chunks.append(value["chunk"])
    return name == "done" and "".join(chunks) == text


def is_whole_html(body: str, text: str) -> bool:
    """Check a stream of fragments: together they have each word of the text once, then `done`."""
    found = list(events(body))
    complete = bool(found) and found[-1][0] == "done"
    return complete and words_on_page(found) == Element.of(to_html(text)).text


class Element:
    """An element with its children in order: elements, and text without white space.

    White space is left out because there are many equal ways to separate blocks.
    """

    def __init__(self, id: str = "") -> None:
        self.id = id
        self.inner: list[Element | str] = []

    @classmethod
    def of(cls, html: str) -> Element:
        """Parse a fragment into an element around it."""
        return _Parser(html).root

    @property
    def text(self) -> str:
        return "".join(one if isinstance(one, str) else one.text for one in self.inner)

    def last(self, depth: int) -> Element:
        """Return the last element in the last element, and so on, `depth` levels down."""
        found = self
        for _ in range(depth):
            found = next(one for one in reversed(found.inner) if isinstance(one, Element))
        return found

    def drop_last(self) -> None:
        self.inner.remove(self.last(1))

    def find(self, id: str) -> Element | None:
        if self.id.startswith(id):
            return self
        inner = (one.find(id) for one in self.inner if isinstance(one, Element))
        return next(filter(None, inner), None)


class _Parser(HTMLParser):
    """Builds elements from HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.root = Element()
        self._open = [self.root]
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(dict(attrs).get("id") or "")
        self._open[-1].inner.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        self._open[-1].inner += filter(None, ["".join(data.split())])


def words_on_page(events: list[tuple[str, str]]) -> str:
    """Return the text of an answer on the page after all events.

    Only this function and the next know the names of the events, which come from runs/_live.html.
    """
    parts = Element()
    for name, data in events:
        if name == "message" or name.isdigit():
            depth = 1 if name == "message" else int(name)
            parts.last(depth + 1).inner += Element.of(data).inner
        elif name == "last":
            parts.last(1).drop_last()
            parts.last(1).inner += Element.of(data).inner
        elif name == "parts":
            parts.inner = Element.of(data).inner
        elif name == "part":
            parts.inner += Element.of(data).inner
        elif name == "swap":
            _swap(parts, data)
    return parts.text


def _swap(parts: Element, data: str) -> None:
    for target, path, swap, html in _PART.findall(data):
        depth = path.count(">")
        if target == "a":
            whole = Element.of(html).find("p-")
            parts.inner = whole.inner if whole else []
        elif target != "p":
            continue
        elif swap == "beforeend":
            parts.last(depth).inner += Element.of(html).inner
        elif swap == "delete":
            parts.last(depth - 1).drop_last()
