"""A page in miniature: does what the patches of a streamed text say, as htmx does in a browser."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from app.markdown import Patch

_NAMED = {"&nbsp;": "\N{NO-BREAK SPACE}"}


def _parse(html: str) -> ET.Element:
    for name, character in _NAMED.items():
        html = html.replace(name, character)
    html = html.replace("<br>", "<br/>").replace("<hr>", "<hr/>")
    return ET.fromstring(f"<div>{html}</div>")  # noqa: S314 - made by the code under test


class Page:
    """The finished part, and the open block as a tree."""

    def __init__(self, html: str = "") -> None:
        self._finished = html
        self._open = _parse("")

    def apply(self, patch: Patch) -> None:
        if patch.appended:
            target = self._open
            for _ in range(patch.depth):
                target = list(target)[-1]
            self._append(target, _parse(patch.appended))
            return
        self._finished += patch.finished
        self._open = _parse(patch.opened or "")

    def text(self) -> str:
        """Every element and text, in order, without white space between blocks."""
        whole = _parse(self._finished)
        self._append(whole, self._open)
        return " ".join(ET.tostring(whole, encoding="unicode").split()).replace("> <", "><")

    @staticmethod
    def _append(target: ET.Element, added: ET.Element) -> None:
        children = list(target)
        if added.text:
            if children:
                children[-1].tail = (children[-1].tail or "") + added.text
            else:
                target.text = (target.text or "") + added.text
        target.extend(list(added))
