"""The part of a live page that an answer is written into: does what a stream's messages say, as
htmx does with the slots of `_live.html`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from xml.etree import ElementTree as ET

from tests.support.dom import append, parse
from tests.support.product import Message

_PARTIAL = re.compile(r'<hx-partial hx-target="([^"]+)" hx-swap="(\w+)">(.*?)</hx-partial>', re.S)
_BESIDE_BLOCKS = re.compile(r" ?(</?(?:div|p|pre|ul|ol|li|h\d|table|t\w+|blockquote|hr)\b[^>]*>) ?")
_NTH = re.compile(r" > :nth-child\((\d+)\)$")
_PARTS = re.compile(r'<div class="parts"[^>]*>(.*)</div>\s*<div class="foot', re.S)


class LivePage:
    """`run_id` is that of the answer; `parts` holds its text and tool calls."""

    def __init__(self, run_id: str) -> None:
        self._at = f"#p-{run_id}"
        self._run_id = run_id
        self.parts = parse("")
        self.foot = ""
        self.status = ""

    def heed(self, messages: Iterable[Message]) -> LivePage:
        for message in messages:
            if message.event == "swap":
                for target, swap, html in _PARTIAL.findall(message.data):
                    self._partial(target, swap, html)
            elif message.event == "parts":
                self.parts = parse(message.data)
            elif message.event == "foot":
                self.foot = message.data
            elif message.event == "status":
                self.status = message.data
            elif message.event == "part":
                append(self.parts, parse(message.data))
            elif message.event == "last":
                self._drop()
                append(list(self.parts)[-1], parse(message.data))
            elif message.event == "message" or message.event.isdigit():
                self._add(int(message.event.replace("message", "1")), message.data)
        return self

    def shown(self) -> str:
        """What stands there, without white space between elements."""
        text = " ".join(_text_of(self.parts).split())
        return _BESIDE_BLOCKS.sub(r"\1", text)

    def _partial(self, target: str, swap: str, html: str) -> None:
        if target == f"#a-{self._run_id}":
            found = _PARTS.search(html)
            assert found
            self.parts, self.foot = parse(found[1]), html[found.end(1) :]
        elif target.startswith("#c-"):
            self._replace(target[1:], html)
        elif target.startswith("#t-"):
            self._replace_within(target[1:], html)
        elif target.startswith(self._at) and swap == "delete":
            self._drop()
        elif nth := _NTH.search(target):
            text = list(self.parts)[int(nth[1]) - 1]
            text[:], text.text = [], None
            append(text, parse(html))
        elif target.startswith(self._at):
            self._add(target.count(":last-child") - 1, html)

    def _drop(self) -> None:
        text = list(self.parts)[-1]
        text.remove(list(text)[-1])

    def _add(self, depth: int, html: str) -> None:
        target = self.parts
        for _ in range(depth + 1):
            target = list(target)[-1]
        append(target, parse(html))

    def _replace(self, id: str, html: str) -> None:
        at = [child.get("id") for child in self.parts].index(id)
        self.parts[at] = next(iter(parse(html)))

    def _replace_within(self, id: str, html: str) -> None:
        around = self.parts.find(f".//*[@id='{id}']/..")
        assert around is not None
        at = [child.get("id") for child in around].index(id)
        new = next(iter(parse(html)))
        new.tail = around[at].tail
        around[at] = new


def _text_of(element: ET.Element) -> str:
    return ET.tostring(element, encoding="unicode", short_empty_elements=False)
