"""What the tools of a conversation returned, so that figures can be looked up in it.

Results come from outside and can be huge: of each only so much is taken in, the newest call first.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from statistics import fmean, median
from typing import Any, NamedTuple

from app.grounding.normal_form import normalise
from app.grounding.readings import Date, Reading, find_figures
from app.grounding.units import COUNT_KEYS, PAGE_KEYS, measure_of, stem

MOST_VALUES = 6_000
"""Values that are taken in, of all results together."""
MOST_FIGURES = 1_000
"""Figures within texts that are taken in, of all results together."""
MOST_CHARACTERS = 30_000
"""Characters of texts with digits that are taken in, of all results together."""
DEEPEST = 12
_LONGEST_TEXT = 4_000
_MOST_COUNTED = 400  # rows whose equal values are counted
_WORD_OF_KEY = re.compile(r"[A-ZÄÖÜ]?[a-zäöüß]+|[A-ZÄÖÜ]+(?![a-zäöüß])|\d+")
_WORD = re.compile(r"[^\W\d_]+")
_DIGIT = re.compile(r"\d")
# Most texts with digits are one id, or one address.
_ID = re.compile(r"[A-Za-z]{1,8}[-_]?\d{1,12}")
_ADDRESS = re.compile(r"\d{1,6} [A-Za-z][^\d,]{2,60}")
_ISO_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)[\d:.]*(?:Z|[+-]\d\d:?\d\d)?)?")

Words = frozenset[str]


class Fact(NamedTuple):
    """A number in a result. `words` are those of its key and the keys around it, or the words
    beside it in a text. `unit` is what the text says, or "". A count is how many of something
    there are."""

    size: float
    value: float
    call: str
    words: Words
    unit: str = ""
    is_count: bool = False


@dataclass(slots=True)
class Results:
    """The facts found in the tools' results. `read_results` builds it."""

    facts: list[Fact] = field(default_factory=list)
    sums: list[Fact] = field(default_factory=list)
    """Totals, averages, medians and spreads of the columns."""
    dates: dict[Date, str] = field(default_factory=dict)
    times: dict[tuple[int, int], str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    """Ids and addresses, normalised, with their call."""
    words: set[str] = field(default_factory=set)
    """Words of the keys that have numbers."""
    rows: set[str] = field(default_factory=set)
    """Words for what there are rows of."""
    id_shapes: set[str] = field(default_factory=set)
    calls: int = 0
    is_whole: bool = True
    """Whether all of the results has been taken in."""
    _sizes: list[float] = field(default_factory=list)

    def between(self, low: float, high: float) -> list[Fact]:
        """Return the facts whose size, without its sign, is from `low` to `high`."""
        first = bisect_left(self._sizes, low)
        return self.facts[first : bisect_right(self._sizes, high, first)]


class _Collector:
    """Takes in the results of one conversation, the newest first."""

    def __init__(self) -> None:
        self.found = Results()
        self._values = MOST_VALUES
        self._characters = MOST_CHARACTERS
        self._figures_left = MOST_FIGURES
        self._call = ""

    def take(self, call: str, tool: str, result: Any) -> None:
        self._call = call
        self.found.calls += 1
        self.found.rows.update(_words_of_key(tool))
        self._walk(result, frozenset(), 0)

    def finish(self) -> Results:
        # Of what several calls returned, the newest one is named: it comes first.
        newest: dict[tuple[float, Words, str], Fact] = {}
        for fact in self.found.facts:
            newest.setdefault((fact.value, fact.words, fact.unit), fact)
        self.found.facts = sorted(newest.values(), key=lambda fact: fact.size)
        self.found.sums = list(dict.fromkeys(self.found.sums))
        self.found._sizes = [fact.size for fact in self.found.facts]
        return self.found

    def _walk(self, value: Any, words: Words, depth: int) -> None:
        if self._is_full() or depth > DEEPEST:
            self.found.is_whole = False
            return
        self._values -= 1
        if isinstance(value, str):
            self._text(value, words)
        elif isinstance(value, (int, float)):
            if not isinstance(value, bool):
                self._number(value, words)
        elif isinstance(value, dict):
            self._object(value, words, depth)
        elif isinstance(value, list):
            self._list(value, words, depth)

    def _object(self, fields: dict[str, Any], words: Words, depth: int) -> None:
        around = words if len(words) < 8 else frozenset()
        for key, value in fields.items():
            if self._is_full():
                return
            own = _words_of_key(key)
            self._walk(value, own | around, depth + 1)
            self._numbers_of_key(own)

    def _is_full(self) -> bool:
        """Whether nothing more is taken in; if so, what is there is not the whole."""
        full = self._values <= 0
        self.found.is_whole = self.found.is_whole and not full
        return full

    def _list(self, rows: list[Any], words: Words, depth: int) -> None:
        self.found.rows.update(words)
        self._count(len(rows), words)
        for row in rows:
            if self._is_full():
                return
            self._walk(row, frozenset() if isinstance(row, dict) else words, depth + 1)
        if len(rows) > 1:
            self._columns(rows[:_MOST_COUNTED])

    def _count(self, number: int, words: Words) -> None:
        self.found.facts.append(Fact(number, number, self._call, words, is_count=True))

    def _number(self, value: float, words: Words, unit: str = "") -> None:
        try:
            number = float(value)
        except OverflowError:
            return
        if number != number or abs(number) > 1e18:
            return
        self.found.words.update(words)
        is_count = bool(words & COUNT_KEYS) and words <= COUNT_KEYS | PAGE_KEYS | self.found.rows
        self.found.facts.append(Fact(abs(number), number, self._call, words, unit, is_count))

    def _numbers_of_key(self, words: Words) -> None:
        """Take in a number that a key has in its name, such as that of "last30Days"."""
        for word in words:
            if word.isdecimal() and len(word) < 6:
                self._number(float(word), words)

    def _text(self, text: str, words: Words) -> None:
        most = min(_LONGEST_TEXT, self._characters)
        if not _DIGIT.search(text, 0, most + 1):
            # A text beyond the bounds may have digits that nobody has looked for.
            self.found.is_whole = self.found.is_whole and len(text) <= most
            return
        self.found.is_whole = self.found.is_whole and len(text) <= most
        text = text[:most]
        self._characters -= len(text)
        if iso := _ISO_DATE.fullmatch(text):
            self._date((int(iso[1]), int(iso[2]), int(iso[3])))
            if iso[4]:
                self.found.times.setdefault((int(iso[4]), int(iso[5])), self._call)
        elif text.isdecimal() and len(text) < 16:
            self._number(float(text), words)
            self.found.texts.setdefault(text, self._call)
        elif _ID.fullmatch(text) or _ADDRESS.fullmatch(text):
            key = normalise(text)
            self.found.texts.setdefault(key, self._call)
            self.found.id_shapes.add(shape(key))
        else:
            self._figures(text, words)

    def _figures(self, text: str, words: Words) -> None:
        if len(text) < 100:
            self.found.texts.setdefault(normalise(text), self._call)
        for figure in find_figures(text):
            self._figures_left -= 1
            if self._figures_left < 0:
                self.found.is_whole = False
                return
            if figure.kind == "number":
                self._written_number(figure, text, words)
            elif figure.dates:
                for date in figure.dates:
                    self._date(date)
            if figure.time:
                self.found.times.setdefault(figure.time, self._call)
            if figure.kind in ("id", "address"):
                self.found.texts.setdefault(figure.key, self._call)
                self.found.id_shapes.add(shape(figure.key))

    def _written_number(self, figure: Reading, text: str, words: Words) -> None:
        beside = text[max(0, figure.start - 30) : figure.end + 30]
        near = frozenset(map(stem, re.findall(r"[^\W\d_]{3,}", beside)))
        for value, _ in figure.values:
            self._number(
                -value if figure.sign in ("-", "\u2212") else value, words | near, figure.unit
            )

    def _date(self, date: Date) -> None:
        year, month, day = date
        for key in (date, (None, month, day), (year, month, None)):
            self.found.dates.setdefault(key, self._call)

    def _columns(self, rows: list[Any]) -> None:
        """Note what the columns of a table add up to, and how many rows have the same value."""
        columns: dict[str, list[Any]] = {}
        for row in rows:
            if isinstance(row, dict):
                for key, value in row.items():
                    columns.setdefault(key, []).append(value)
        for key, values in list(columns.items())[:60]:
            words = _words_of_key(key)
            numbers = [v for v in values if isinstance(v, (int, float)) and not isinstance(v, bool)]
            if len(numbers) > 1:
                self._sums(numbers, words)
            for value, count in Counter(v for v in values if isinstance(v, (int, str))).items():
                if count > 1 and isinstance(value, (int, str)):
                    self.found.sums.append(Fact(count, count, self._call, words, is_count=True))

    def _sums(self, numbers: list[float], words: Words) -> None:
        for value in (
            *(sum(numbers), fmean(numbers), float(median(numbers))),
            max(numbers) - min(numbers),
        ):
            self.found.sums.append(Fact(abs(value), value, self._call, words))


def read_results(calls: Iterable[tuple[str, str, Any]]) -> Results:
    """Read results: the id, tool and result of each call, the newest first."""
    collector = _Collector()
    for call, tool, result in calls:
        collector.take(call, tool, result)
    return collector.finish()


def shape(key: str) -> str:
    """Return the letters that an id begins with."""
    return re.split(r"\d", key, maxsplit=1)[0]


@lru_cache(maxsize=4096)
def _words_of_key(key: str) -> Words:
    """Return the words of a key: days, on and market of DaysOnMarket."""
    words = _WORD_OF_KEY.findall(str(key)[:100])
    return frozenset(filter(None, [stem(w) for w in words] + [measure_of(w) for w in words]))


@lru_cache(maxsize=1024)
def stems(text: str) -> tuple[str, ...]:
    """Return the stems of a text's words, in their order."""
    return tuple(map(stem, _WORD.findall(text)))
