"""What stands around a figure in an answer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from app.grounding.markdown_text import MarkdownText
from app.grounding.readings import Reading
from app.grounding.results import stems

_FAR = 300  # characters of a sentence on either side
_WORDS_AFTER = re.compile(r"[\s\u00a0-]*((?:[^\W\d_][\w'\u2019]*[ -]?){1,3})")
_SENTENCE_END = re.compile(r"[.!?;]\s|[\n\t]")


@dataclass(slots=True)
class Place:
    """What stands around a figure: words beside it that may name what it is, the nearest first,
    and those of its sentence."""

    after: tuple[str, ...]
    labels: list[tuple[str, ...]]
    sentence: frozenset[str]
    before: tuple[str, ...]
    follows: str
    """The text behind the figure."""


def place_of(figure: Reading, text: MarkdownText) -> Place:
    """Read what stands around a figure."""
    words = text.text
    begin = max(words.rfind("\n", 0, figure.start), words.rfind("\t", 0, figure.start)) + 1
    line = words[max(begin, figure.start - _FAR) : figure.start]
    rest = words[figure.end : figure.end + 60].partition("\n")[0]
    after = _WORDS_AFTER.match(rest)
    column, row = text.label(figure.start)
    label = line.rpartition(":")[0][-60:] if ":" in line[-40:] else ""
    labels = [stems(each) for each in (column, row, label) if each]
    return Place(
        after=stems(after[1]) if after else (),
        labels=labels,
        sentence=_sentence(figure, words).union(*labels),
        before=_words_before(line),
        follows=rest,
    )


def _words_before(line: str) -> tuple[str, ...]:
    """Return the last two words before a figure, the nearest first, if nothing parts them."""
    near = line[-40:].rstrip(" *($\u20ac\u00a3-")
    piece = re.split(r"[^\w ]|\d", near)[-1]
    return stems(piece)[-2:][::-1]


def _sentence(figure: Reading, text: str) -> frozenset[str]:
    begin = max(0, figure.start - _FAR)
    for match in _SENTENCE_END.finditer(text, begin, figure.start):
        begin = match.end()
    far = min(len(text), figure.end + _FAR)
    end = _SENTENCE_END.search(text, figure.end, far)
    return _set_of_stems(text[begin : end.start() if end else far])


@lru_cache(maxsize=256)
def _set_of_stems(text: str) -> frozenset[str]:
    return frozenset(stems(text))
