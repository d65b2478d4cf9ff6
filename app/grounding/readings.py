"""Finds the figures in a text, and what each can mean.

A text is gone through once, by one regular expression whose parts can't go back far, so that the
time is linear in its length.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from app.grounding.normal_form import normalise
from app.grounding.pattern import FIGURE, MONTHS, NUMBER_WORDS
from app.grounding.units import CURRENCIES, HEDGES, PERCENT, TIMES, measure_of

Kind = Literal["number", "date", "time", "id", "address"]
Date = tuple[int | None, int | None, int | None]

_WITH_UNIT = re.compile(r"(\d+(?:[.,]\d+)?)(k|m|mn|bn|b|[a-z°]{1,7}2?)", re.IGNORECASE)
_TOKEN = re.compile(r"\S{1,200}")
_DIGIT = re.compile(r"\d")
_BEGINNINGS = frozenset(
    ("a", *MONTHS, *NUMBER_WORDS, *(each.rstrip(".") for each in MONTHS), *CURRENCIES)
)
_ENDINGS = ("straße", "strasse", "str", "weg", "platz", "allee", "gasse", "ufer", "damm", "ring")
_FAR = 80  # characters that a figure may go on beyond its first word
_LONGEST = 24  # characters of a number
# Without going back: forty capitals in a row could be split in 2^39 ways.
_STRONG_ID = re.compile(r"(?:[A-Z]++[_/-]?+)++\d{3,}[\w/-]*|[A-Z]{2,6}-[\d-]{2,}|[\da-f-]{12,}")


@dataclass(slots=True)
class Reading:
    """A figure in a text. `values` are the numbers that it can mean, each with the place that it
    is rounded to. `unit` is a currency, "%", a measure or ""."""

    start: int
    end: int
    kind: Kind
    text: str
    values: tuple[tuple[float, float], ...] = ()
    unit: str = ""
    sign: str = ""
    hedged: bool = False
    is_word: bool = False
    is_plain: bool = False  # digits alone
    dates: tuple[Date, ...] = ()
    time: tuple[int, int] | None = None
    is_strong: bool = False  # surely an id
    times: float = 1  # what "k" or "million" multiplies by

    @property
    def value(self) -> float:
        return self.values[0][0]

    @property
    def is_whole(self) -> bool:
        return all(value == int(value) for value, _ in self.values)

    @property
    def key(self) -> str:
        """The figure's words, as results and answers have them alike."""
        return normalise(self.text)


def find_figures(text: str) -> Iterator[Reading]:
    """Yield the figures of a text, in their order."""
    at = 0
    for token in _TOKEN.finditer(text):
        if token.end() > at and _may_begin(token[0]):
            start = max(at, token.start())
            for reading in _figures_of(text, start, token.end()):
                at = reading.end
                yield reading


def _may_begin(token: str) -> bool:
    """Whether a figure may begin in these characters; most words of a text are ruled out here."""
    word = token
    if not token.isalpha():
        if _DIGIT.search(token):
            return True
        word = token.strip("*_()[]\"'.,;:!?\u2026")
    word = word.lower()
    return word in _BEGINNINGS or word.endswith(_ENDINGS) or "-" in word


def _figures_of(text: str, at: int, end: int) -> Iterator[Reading]:
    while match := _first_within(text, at, end):
        kind = next(name for name in _KINDS if match[name])
        reading = _READERS[kind](match, text)
        at = match.end() if reading is None else max(reading.end, match.start() + 1)
        if reading is not None:
            yield reading


def _first_within(text: str, at: int, end: int) -> re.Match[str] | None:
    """Return the first match that begins in these characters. A search would go on behind them,
    where most of its time went."""
    matches = (FIGURE.match(text, begin, end + _FAR) for begin in range(at, end))
    return next(filter(None, matches), None)


def _date(match: re.Match[str], dates: Iterable[Date]) -> Reading | None:
    good = tuple(date for date in dates if 1 <= (date[1] or 1) <= 12 and 1 <= (date[2] or 1) <= 31)
    return Reading(match.start(), match.end(), "date", match[0], dates=good) if good else None


def _iso(match: re.Match[str], _text: str) -> Reading | None:
    year, month, day = (int(part) for part in match[0][:10].split("-"))
    reading = _date(match, [(year, month, day)])
    if reading and match["isotime"]:
        reading.time = (int(match["isotime"][:2]), int(match["isotime"][3:]))
    return reading


def _named_date(match: re.Match[str], _text: str) -> Reading | None:
    month = match["m1"] or match["m2"] or match["m3"]
    day = match["d1"] or match["d2"]
    year = match["y1"] or match["y2"] or match["y3"]
    number = MONTHS.get(month.lower().rstrip("."))
    return _date(match, [(year and int(year), number, day and int(day))])  # type: ignore[list-item]


def _numeric_date(match: re.Match[str], _text: str) -> Reading | None:
    first, second, year = int(match["n1"]), int(match["n2"]), int(match["n3"])
    both = [(year, second, first)] + ([(year, first, second)] if match["sep"] != "." else [])
    return _date(match, both)


def _time(match: re.Match[str], _text: str) -> Reading | None:
    hour, minute = int(match["hour"]), int(match["minute"])
    half = (match["half"] or "").lower()
    if half:
        hour = hour % 12 + 12 * half.startswith("p")
    if hour > 24 or minute > 59:
        return None
    return Reading(match.start(), match.end(), "time", match[0], time=(hour, minute))


def _address(match: re.Match[str], _text: str) -> Reading:
    return Reading(match.start(), match.end(), "address", match[0])


def _id(match: re.Match[str], text: str) -> Reading | None:
    word = match[0]
    if len(word) < 2:
        return None
    with_unit = _WITH_UNIT.match(word)
    if with_unit and (with_unit.end() == len(word) or word[with_unit.end()] == "-"):
        unit = with_unit[2].lower()
        if unit in TIMES or measure_of(unit) or not _STRONG_ID.fullmatch(word):
            return _number_with_unit(match, with_unit, text)
    if with_unit is None and (begun := re.match(r"\d++(?=[-/])", word)):
        # "3-legged": a number before a word.
        return _plain_number(match.start(), begun[0], text)
    strong = bool(_STRONG_ID.fullmatch(word)) or word.startswith("#")
    return Reading(match.start(), match.end(), "id", word.lstrip("#"), is_strong=strong)


def _number_with_unit(match: re.Match[str], parts: re.Match[str], text: str) -> Reading | None:
    """Read "825k", "45min" or "3rd"; None for the last."""
    unit = parts[2].lower()
    if unit in ("st", "nd", "rd", "th", "x", "d"):
        return None
    times = TIMES.get(unit, 1)
    start, end = match.start(), match.start() + parts.end()
    values = _values(parts[1], times, unit)
    hedged = _is_hedged(text, start)
    measure = "" if unit in TIMES else measure_of(unit)
    if not measure and times == 1:
        end = start + len(parts[1])
    return Reading(
        start, end, "number", text[start:end], values, measure, hedged=hedged, times=times
    )


def _plain_number(start: int, digits: str, text: str) -> Reading | None:
    if len(digits) > _LONGEST:
        return None
    end = start + len(digits)
    values = _values(digits, 1, "")
    return Reading(
        start, end, "number", digits, values, hedged=_is_hedged(text, start), is_plain=True
    )


def _number(match: re.Match[str], text: str) -> Reading | None:
    digits = match["digits"]
    if len(digits) > _LONGEST or _is_dotted(match, text):
        return None
    before, after = match["before"], match["after"]
    size = (match["size"] or "").lower().rstrip(".")
    if size == "m" and not before and match[0][match.start("size") - match.start() - 1] == " ":
        size = ""
    times = TIMES.get(size, 1)
    unit = _unit(before or after or "")
    end = match.end() if size or not match["size"] or after else match.end("digits")
    end -= text[end - 1] == "." and size != ""
    start = match.start()
    sign = _sign(match, text)
    # A hyphen between two words or numbers.
    start += bool(match["sign"]) and not sign
    if digits[0] == "0" and digits.isdigit() and len(digits) > 2:
        return Reading(start, end, "id", digits, is_strong=True)
    return Reading(
        start,
        end,
        "number",
        text[start:end],
        _values(digits, times, unit),
        unit or _measure_after(text, end),
        sign,
        _is_hedged(text, start),
        times=times,
        is_plain=digits.isdigit() and not (unit or size),
    )


def _word(match: re.Match[str], text: str) -> Reading:
    size = (match["wordsize"] or "").lower()
    name = match[0].lower()
    value = float(NUMBER_WORDS.get(re.split(r"[ -]", name)[0], 1)) * TIMES.get(size, 1)
    measure = _measure_after(text, match.end())
    return Reading(
        match.start(), match.end(), "number", match[0], ((value, TIMES.get(size, 1)),), measure,
        is_word=not size,
    )  # fmt: skip


def _is_dotted(match: re.Match[str], text: str) -> bool:
    """Whether the digits belong to a version or an address of the net: 1.2.3."""
    end = match.end("digits")
    return text[end : end + 1] in (".", ",", ":") and text[end + 1 : end + 2].isdigit()


def _sign(match: re.Match[str], text: str) -> str:
    """Return the sign; none where it stands for "to"."""
    before = text[match.start() - 1 : match.start()] if match.start() else ""
    return "" if before.isalnum() or (before and before in "%€$") else (match["sign"] or "")


def _unit(written: str) -> str:
    low = written.lower().replace("\u00a0", " ")
    if low in PERCENT or low == "per cent":
        return "%"
    return CURRENCIES.get(low, "$" if "$" in low else "")


_AFTER = re.compile(r"[\s\u00a0-]?([A-Za-z°²]{1,12})(?![^\W\d_])")


def _measure_after(text: str, end: int) -> str:
    word = _AFTER.match(text, end)
    return measure_of(word[1]) if word and word[1] not in ("s", "S") else ""


def _is_hedged(text: str, start: int) -> bool:
    """Whether the word before says that the figure is about right."""
    before = text[max(0, start - 16) : start].rstrip()
    word = before.rpartition(" ")[2].lower().strip("(*_.")
    return word in HEDGES or before.endswith(("~", "\u2248"))


_SEPARATORS = re.compile(r"[,.'\u2019\u00a0\u2009\u202f]")


def _values(digits: str, times: float, unit: str) -> tuple[tuple[float, float], ...]:
    """Return what the digits can mean, each value with the place that it is rounded to.

    1.234 is 1234 to a German, and 8,125 % is 8.125 % to one; $1,234 and 1.234 $ are one thing.
    """
    marks = _SEPARATORS.findall(digits)
    if not marks:
        return ((float(digits) * times, times),)
    groups = _SEPARATORS.split(digits)
    is_one = len(marks) == 1 and marks[0] in ",."
    found = []
    is_group = len(groups[-1]) == 3 and len(set(marks)) == 1 and len(groups[0]) < 4
    # With "million" behind it, what looks like a group is a fraction.
    if is_group and groups[0] != "0" and not (times > 1 and is_one):
        found.append((float("".join(groups)) * times, times))
    if marks[-1] in ",." and marks[-1] not in marks[:-1]:
        is_fraction = not found or unit == "%" or (not unit and marks[-1] == "." and is_one)
        if is_fraction and not (found and groups[-1] == "000"):
            value = float("".join(groups[:-1]) + "." + groups[-1])
            found.append((value * times, times * 10.0 ** -len(groups[-1])))
    return tuple(found) or ((float("".join(groups)) * times, times),)


_KINDS = (
    *("iso", "dayfirst", "monthfirst", "monthyear", "numeric", "time"),
    *("address", "id", "number", "word"),
)
_READERS = {
    "iso": _iso,
    "dayfirst": _named_date,
    "monthfirst": _named_date,
    "monthyear": _named_date,
    "numeric": _numeric_date,
    "time": _time,
    "address": _address,
    "id": _id,
    "number": _number,
    "word": _word,
}
