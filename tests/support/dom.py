"""A page in miniature: does what the patches of a streamed text say, as htmx does in a browser."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from app.rendering.streamed_markdown import Patch

_NAMED = {"&nbsp;": "\N{NO-BREAK SPACE}"}


def parse(html: str) -> ET.Element:
    """An element that holds the HTML."""
    for name, character in _NAMED.items():
        html = html.replace(name, character)
    html = html.replace("<br>", "<br/>").replace("<hr>", "<hr/>")
    html = re.sub(r" (?:hx-disable|download|open)(?=[ >])", "", html)
    html = re.sub(r"<(img [^>]*[^/>])>", r"<\1/>", html)
    return ET.fromstring(f"<div>{html}</div>")  # noqa: S314 - made by the code under test


class Page:
    """The element of a text, as a tree."""

    def __init__(self, html: str = "") -> None:
        self._root = parse(html)

    def apply(self, patch: Patch) -> None:
        for _ in range(patch.dropped):
            last = list(self._root)[-1]
            assert not (last.tail or "").strip()
            self._root.remove(last)
        for depth, html in patch.added:
            target = self._root
            for _ in range(depth):
                target = list(target)[-1]
            append(target, parse(html))

    def text(self) -> str:
        """Every element and text, in order, without white space between blocks."""
        whole = ET.tostring(self._root, encoding="unicode")
        return " ".join(whole.split()).replace("> <", "><")


def append(target: ET.Element, added: ET.Element) -> None:
    """Move what one element holds to the end of another."""
    children = list(target)
    if added.text:
        if children:
            children[-1].tail = (children[-1].tail or "") + added.text
        else:
            target.text = (target.text or "") + added.text
    target.extend(list(added))


def depth(html: str) -> int:
    """How deep elements are nested in the HTML."""
    return _depth(parse(html))


def _depth(element: ET.Element) -> int:
    return max((1 + _depth(child) for child in element), default=0)
