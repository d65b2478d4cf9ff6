"""Looks one figure up: is it in the results, worked out from them, or the person's own?

The rule in one sentence: a figure that is large or exact enough to be no accident may stand
anywhere in the results; a small one has to stand under a key that the answer names beside it.
docs/grounded-figures.md has the rules for people.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

from app.grounding.figure import Source
from app.grounding.markdown_text import MarkdownText
from app.grounding.place import Place, place_of
from app.grounding.readings import Reading
from app.grounding.results import Fact, Results, shape
from app.grounding.said import Said
from app.grounding.units import (
    LABELS,
    MONEY_KEYS,
    OF_THE_ANSWER,
    PERCENT_KEYS,
    same_word,
    stem,
)

Found = tuple[Source, str | None] | None
"""Where a figure is from; None for one of which nothing is said."""
_NOT_FOUND: Found = ("none", None)

_SMALL = 12
_NEAR = 100  # a whole number below it needs a key that fits, if a word beside it names a key
_ROWS = re.compile(r"\s*(?:of|out of|von|/)\s*(?:them|these|those|the|\d|$)", re.IGNORECASE)


@dataclass(slots=True)
class Known:
    """Everything in a conversation that a figure of an answer may come from.

    `asked` are the figures in the person's questions, `asked_words` the words of these. `told` are
    figures that get no mark.
    """

    results: Results
    asked: Said = field(default_factory=Said)
    asked_words: frozenset[str] = frozenset()
    told: Said = field(default_factory=Said)
    named: dict[str, frozenset[str]] = field(default_factory=dict)
    """The words of keys that a word names, as far as they have been looked for."""


def look_up(figure: Reading, text: MarkdownText, known: Known) -> tuple[Found, Fact | None]:
    """Return where a figure is from, and for a number in the results the fact that it is."""
    if figure.kind != "number":
        found, fact = _look_up_text(figure, known), None
    else:
        found, fact = _look_up_number(figure, place_of(figure, text), known)
    if found in (None, _NOT_FOUND):
        if known.asked.has(figure):
            return ("question", None), None
        if known.told.has(figure):
            return None, None
    return found, fact


def _look_up_text(figure: Reading, known: Known) -> Found:
    results = known.results
    call: str | None
    if figure.kind == "date":
        call = next((results.dates[d] for d in figure.dates if d in results.dates), None)
    elif figure.kind == "time":
        call = results.times.get(figure.time or (0, 0))
    else:
        call = _find_text(figure, results)
    if call is not None:
        return "tool", call
    if figure.kind == "id" and not figure.is_strong:
        return _NOT_FOUND if shape(figure.key) in results.id_shapes else None
    return _NOT_FOUND


def _find_text(figure: Reading, results: Results) -> str | None:
    call = results.texts.get(figure.key)
    if call is None and figure.kind == "id" and figure.text.isdigit():
        value = float(figure.text)
        return next((fact.call for fact in results.between(value, value)), None)
    if call is None and figure.kind == "address":
        # A result may have the town in the same text.
        begins = figure.key + " "
        return next((call for text, call in results.texts.items() if begins in text), None)
    return call


def _look_up_number(figure: Reading, place: Place, known: Known) -> tuple[Found, Fact | None]:
    facts = [fact for fact in _equal(figure, known.results) if _may_be(figure, fact, place)]
    bound = _named_keys(place, known)
    if is_weak(figure):
        return _look_up_weak(figure, place, known, facts, bound)
    if facts:
        fact = _best(facts, place, bound)
        return ("tool", fact.call), fact
    if _is_year(figure) and not bound:
        return None, None
    if not known.results.calls and figure.is_plain and figure.value <= _SMALL:
        return None, None
    return _NOT_FOUND, None


def _look_up_weak(
    figure: Reading, place: Place, known: Known, facts: list[Fact], bound: frozenset[str]
) -> tuple[Found, Fact | None]:
    """Look up a small whole number, which stands in most results by accident."""
    if _is_label(place):
        return None, None
    fits = [fact for fact in facts if _fits(figure, fact, place, bound, known.results)]
    if fits:
        fact = _best(fits, place, bound)
        return ("tool", fact.call), fact
    counted = _counted(figure, place, known)
    if counted is not None:
        return ("worked_out", counted.call), counted
    return (_NOT_FOUND if _claims(figure, place, known, facts, bound) else None), None


def _fits(
    figure: Reading, fact: Fact, place: Place, bound: frozenset[str], results: Results
) -> bool:
    """Whether the words beside a small number are those of the fact's key."""
    if bound:
        return has_any(fact, bound)
    if fact.is_count and not figure.unit:
        return True
    if figure.unit in results.words and fact.value != int(fact.value):
        # 15.6 rounded to "16 °C" where some key is a temperature: decimals are no accident.
        return True
    return figure.unit in fact.words or (not fact.is_count and has_any(fact, place.sentence))


def _claims(
    figure: Reading, place: Place, known: Known, facts: list[Fact], bound: frozenset[str]
) -> bool:
    """Whether a small number that was not found says something about what tools know."""
    if not known.results.calls:
        return not figure.is_word and (figure.value > _SMALL or figure.unit == "%")
    if bound or _counts_rows(place, known):
        return True
    if figure.is_word or _is_of_the_answer(place) or (facts and not figure.unit):
        return False
    return bool(place.after or figure.unit or figure.value > _SMALL)


def _counted(figure: Reading, place: Place, known: Known) -> Fact | None:
    """Find how many rows have something in common, where the answer says "three of them"."""
    if not _ROWS.match(place.follows):
        return None
    return next((f for f in known.results.sums if f.is_count and f.value == figure.value), None)


def _equal(figure: Reading, results: Results) -> list[Fact]:
    """Return the facts that the figure can be, rounded as it is."""
    found: list[Fact] = []
    for value, place in figure.values:
        low, high = _interval(figure, value, place)
        found += results.between(low, high)
        if figure.unit == "%" or (not figure.unit and 0 < value < 1.5 and place < 1):
            by = 100 if figure.unit == "%" else 0.01
            found += [
                fact
                for fact in results.between(_less(low / by), _more(high / by))
                if (by == 100 and fact.size <= 5 and not fact.unit)
                or (by < 1 and (fact.unit == "%" or fact.words & PERCENT_KEYS))
            ]
        if figure.unit in ("$", "€", "£"):
            cents = results.between(low * 100, high * 100)
            found += [fact for fact in cents if fact.words & {"cent", "minor"}]
    return found


def _interval(figure: Reading, value: float, place: float) -> tuple[float, float]:
    """Return the sizes that are rounded to this value."""
    shown_whole = place == 1 and value == int(value)
    if shown_whole and value < 10 and not figure.hedged and figure.unit != "%":
        return value, value
    margin = place / 2
    if place >= 1:
        margin = max(margin, _rounded_off(figure, value))
    return _less(value - margin), value + margin * (1 - 1e-9)


def _rounded_off(figure: Reading, value: float) -> float:
    """Return how far a round number may be off: "about 800,000", or "$812,000" for 812,345."""
    zeros = 0
    rest = int(value)
    while rest and rest % 10 == 0:
        rest, zeros = rest // 10, zeros + 1
    if figure.hedged:
        place = figure.times if figure.times > 1 else 10.0**zeros
        return min(max(place, 1) * (1 if zeros else 0.5), value * 0.05)
    if zeros >= 3 and rest >= 100:
        return min(10.0**zeros / 2, value * 0.001)
    return 0.0


def _less(value: float) -> float:
    return value - abs(value) * 1e-9


def _more(value: float) -> float:
    return value + abs(value) * 1e-9


def _may_be(figure: Reading, fact: Fact, place: Place) -> bool:
    """Whether the figure can be this fact, by their units and signs."""
    if figure.unit and fact.unit and figure.unit != fact.unit:
        return False
    if figure.sign and figure.sign != "+" and fact.value > 0 and figure.unit == "%":
        return False
    if figure.sign == "+" and fact.value < 0:
        return False
    if figure.unit == "%" and not fact.unit:
        whole = fact.value == int(fact.value)
        return not whole or bool(fact.words & PERCENT_KEYS) or has_any(fact, place.sentence)
    if figure.unit in ("$", "€", "£") and not fact.unit and figure.value < 1000:
        return not figure.is_whole or bool(fact.words & MONEY_KEYS) or has_any(fact, place.sentence)
    return True


def is_weak(figure: Reading) -> bool:
    """Whether an equal number in the results may well be an accident."""
    if figure.unit in ("$", "€", "£") or not figure.is_whole or figure.times > 1:
        return False
    return figure.value < (_SMALL if figure.unit == "%" else _NEAR)


def _is_year(figure: Reading) -> bool:
    return figure.is_plain and 1900 <= figure.value <= 2100 and len(figure.text) == 4


def _named_keys(place: Place, known: Known) -> frozenset[str]:
    """Return the words of keys that the words beside a figure name."""
    for words in (place.after, *place.labels, place.before):
        for word in words:
            if word not in known.named:
                keys = known.results.words
                known.named[word] = frozenset(key for key in keys if same_word(key, word))
            if named := known.named[word]:
                return named
    return frozenset()


def has_any(fact: Fact, words: frozenset[str]) -> bool:
    """Whether a fact's key has one of these words."""
    return _have_common(fact.words, words)


@lru_cache(maxsize=4096)
def _have_common(some: frozenset[str], others: frozenset[str]) -> bool:
    return any(same_word(one, other) for one in some for other in others)


def _best(facts: list[Fact], place: Place, bound: frozenset[str]) -> Fact:
    """Choose the fact that fits the words best; among equals that of the newest call."""
    return max(facts, key=lambda fact: (has_any(fact, bound), bool(fact.words & place.sentence)))


def _counts_rows(place: Place, known: Known) -> bool:
    """Whether the figure tells how many results there are."""
    nouns = known.results.rows | known.asked_words
    return bool(place.after) and any(same_word(place.after[0], noun) for noun in nouns)


def _is_label(place: Place) -> bool:
    return bool(place.before) and place.before[0] in LABELS


def _is_of_the_answer(place: Place) -> bool:
    return any(word in OF_THE_ANSWER for word in place.after[:2])


@lru_cache(maxsize=64)
def words_of(text: str) -> frozenset[str]:
    """Return the stems of a question's words, but the shortest."""
    return frozenset(stem(word) for word in re.findall(r"[^\W\d_]{4,}", text))
