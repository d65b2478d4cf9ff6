"""Grounds an answer: its figures, each with where it is from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import combinations, islice, pairwise
from math import prod

from app.grounding.figure import Figure
from app.grounding.lookup import Found, Known, has_any, is_weak, look_up, words_of
from app.grounding.markdown_text import MarkdownText, read_markdown
from app.grounding.place import place_of
from app.grounding.readings import Reading, find_figures
from app.grounding.results import Fact, Results
from app.grounding.said import Said

MOST_CHARACTERS = 30_000
"""Characters of an answer whose figures are looked up."""
MOST_FIGURES = 400
_LONGEST_QUESTION = 8_000
_OPERANDS = 4
_EQUATION = re.compile(r"[\d.,]{1,20}(?:\s?[+*x\u00d7/÷\u2212-]\s?[\d.,]{1,20}){1,4}\s?=\s?(?=\d)")
_TERM = re.compile(r"[+*x\u00d7/÷\u2212-]|\d[\d.,]*")


def know(results: Results, questions: Iterable[str], told: Iterable[str] = ()) -> Known:
    """Return what figures are looked up in: results, what the person has said, and other texts
    that the model was told."""
    texts = list(questions)
    words = frozenset().union(*map(words_of, texts[-2:])) if texts else frozenset()
    return Known(results, _figures_in(texts), words, _figures_in(told))


def _figures_in(texts: Iterable[str]) -> Said:
    return Said(
        figure for text in texts for figure in islice(find_figures(text[:_LONGEST_QUESTION]), 100)
    )


def ground(source: str, known: Known) -> list[Figure]:
    """Find the figures of a Markdown text, and where each is from."""
    text = read_markdown(source[:MOST_CHARACTERS])
    readings = list(islice(find_figures(text.text), MOST_FIGURES))
    _share_sizes(readings, text.text)
    looked_up = [look_up(reading, text, known) for reading in readings]
    facts = [fact for _, fact in looked_up]
    figures = []
    for number, (reading, (found, _)) in enumerate(zip(readings, looked_up, strict=True)):
        if found == ("none", None):
            found = _work_out(number, readings, facts, text, known)
        where = text.place(reading.start, reading.end) if found else None
        if found and where:
            figures.append(Figure(source[slice(*where)], *where, *found))
    return figures


def _share_sizes(readings: Sequence[Reading], text: str) -> None:
    """Let the first of "$650-900k" be as large and of the same unit as the second."""
    for first, second in pairwise(readings):
        between = text[first.end : second.start]
        if first.kind == second.kind == "number" and between.strip() in (
            "-",
            "\u2013",
            "to",
            "bis",
        ):
            if second.times > 1 and first.times == 1 and first.value < 1000:
                times = second.times
                first.values = tuple(
                    (value * times, place * times) for value, place in first.values
                )
                first.times = times
            first.unit = first.unit or second.unit
            second.unit = second.unit or first.unit


def _work_out(
    number: int,
    readings: Sequence[Reading],
    facts: Sequence[Fact | None],
    text: MarkdownText,
    known: Known,
) -> Found:
    """Return where a figure is from that is in no result, but may follow from them."""
    reading = readings[number]
    if text.is_quoted(reading.start):
        return None  # words that somebody may say
    if reading.kind != "number":
        return "none", None
    if reading.is_whole and reading.value in text.lengths and not reading.unit:
        return None  # how many items the answer has itself
    if _is_result_of_equation(reading, text.text):
        return "worked_out", None
    near = _facts_near(number, readings, facts, text.text)
    words = place_of(reading, text).sentence if is_weak(reading) else None
    for fact in _derived(reading, near, known.results.sums):
        if words is None or has_any(fact, words):
            return "worked_out", fact.call
    return "none", None


def _facts_near(
    number: int, readings: Sequence[Reading], facts: Sequence[Fact | None], text: str
) -> list[Fact]:
    """Return the facts that stand beside a figure, in the same paragraph."""
    around = range(max(0, number - 6), min(len(readings), number + 4))
    begin = text.rfind("\n", 0, readings[number].start)
    end = text.find("\n", readings[number].end)
    within = (at for at in around if begin < readings[at].start < (len(text) if end < 0 else end))
    return [fact for at in within if (fact := facts[at])][-_OPERANDS:]


def _derived(reading: Reading, near: list[Fact], sums: list[Fact]) -> Iterable[Fact]:
    """Yield facts from which the figure follows: sums of columns, differences of two figures."""
    if reading.value < 10 and reading.is_whole:
        return
    for fact in sums:
        if not fact.is_count and _is(reading, fact.size):
            yield fact
    for one, other in combinations(near, 2):
        if one.words & other.words and _is(reading, abs(one.value - other.value)):
            yield one
        if reading.unit == "%" and one.words & other.words:
            for base, new in ((one, other), (other, one)):
                if base.value and _is(reading, abs(new.value / base.value - 1) * 100):
                    yield base


def _is(reading: Reading, value: float) -> bool:
    return any(abs(value - shown) <= place / 2 * 1.000001 for shown, place in reading.values)


def _is_result_of_equation(reading: Reading, text: str) -> bool:
    """Whether the figure is what an equation before it comes to, such as 2 + 2 =."""
    begin = max(0, reading.start - 80)
    for match in _EQUATION.finditer(text, begin, reading.end):
        if match.end() == reading.start:
            return any(abs(_evaluate(match[0]) - value) <= place for value, place in reading.values)
    return False


def _evaluate(equation: str) -> float:
    """Return what a sum or a product comes to; not a number if it has something else in it."""
    terms = _TERM.findall(equation)
    try:
        numbers = [float(term.replace(",", "").rstrip(".")) for term in terms[::2]]
    except ValueError:
        return float("nan")
    signs = set(terms[1::2])
    if signs <= {"+"}:
        return sum(numbers)
    if signs <= {"-", "\u2212"}:
        return numbers[0] - sum(numbers[1:])
    if signs <= {"*", "x", "\u00d7"}:
        return prod(numbers)
    if signs <= {"/", "÷"} and all(numbers[1:]):
        return numbers[0] / prod(numbers[1:])
    return float("nan")
