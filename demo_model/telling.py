"""Answers: a sentence or two on the results, from the phrases and the results alone.

Cards and charts show the person the rest. In a sentence, `{path|format}` stands for a value. What
is in square brackets is left out if a value in it is missing; a sentence with another value
missing is empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from demo_model.conversation import Outcome, Rows, is_number, pick, ranked, rows_in
from demo_model.phrasebook import Phrasebook, Phrases

PLAIN = "{:,.10g}"
FORMATS = {"money": "${:,.0f}", "percent": "{:,.10g} %", "change": "{:+,.10g} %"}
_SLOT = re.compile(r"\{([\w.-]*)(?:\|([^{}]*))?\}")
_OPTIONAL = re.compile(r"\[([^\[\]]*)\]")


def fill(phrase: str, values: Any, book: Phrasebook) -> str:
    """Return the sentence with its values."""

    def is_whole(part: str) -> bool:
        return all(value_at(slot[1], values) not in (None, []) for slot in _SLOT.finditer(part))

    while optional := _OPTIONAL.search(phrase):
        part = optional[1] if is_whole(optional[1]) else ""
        phrase = phrase[: optional.start()] + part + phrase[optional.end() :]
    if not is_whole(phrase):
        return ""
    written = _SLOT.sub(lambda s: _written(value_at(s[1], values), s[2] or "", book), phrase)
    return written.strip(" ")


def say(name: str, book: Phrasebook, **values: Any) -> str:
    """Return one of the sentences that every domain needs."""
    return fill(book["sentences"][name], values, book)


def tell(outcome: Outcome, book: Phrasebook, question: str) -> str:
    """Tell how a call went."""
    phrases = book["tool"].get(outcome.call.name, {})
    if outcome.error:
        task = phrases.get("task", book["sentences"]["task"])
        return say("failed", book, task=task, error=outcome.error)
    values = _values(outcome, book, question)
    for rule in phrases.get("tell") or book["sentences"]["tell"]:
        if _applies(rule.get("when", {}), values) and (told := fill(rule["say"], values, book)):
            return told
    return ""


def show(ids: Iterable[str], text: str, thing: Phrases, rows: Rows, book: Phrasebook) -> str:
    """Tell about things that were seen before."""
    known = {name: rows[name] for name in ids if name in rows}
    if not known:
        return say("nothing", book)
    if rank := ranked(text, thing):
        best = "best" if len(known) == 1 else "bests"
        return say(best, book, picked=_labels(known, thing, book), rank=rank["told"])
    return "\n\n".join(fill(thing["told"], row, book) for row in known.values())


def value_at(path: str, values: Any) -> Any:
    """Return the value at a path such as `listings.0.address`; None where there is none."""
    try:
        for key in path.split("."):
            values = values[int(key) if isinstance(values, list) else key]
    except (LookupError, TypeError, ValueError):
        return None
    return values


def _written(value: Any, form: str, book: Phrasebook) -> str:
    """Write a value in its format: one of the table, words for one and for many, or raw."""
    if isinstance(value, list | tuple):
        *others, last = map(str, value)
        return f" {book['sentences']['and']} ".join(filter(None, (", ".join(others), last)))
    if not is_number(value):
        # Text from elsewhere stays on one line, and can't break a table.
        return str(value) if form == "raw" else " ".join(str(value).split()).replace("|", "\\|")
    if "/" in form:
        one, many = form.removeprefix("count ").split("/")
        return f"{PLAIN.format(value)} {one if value == 1 else many}"
    return FORMATS.get(form, PLAIN).format(value)


def _values(outcome: Outcome, book: Phrasebook, question: str) -> dict[str, Any]:
    """Return what sentences can have: the result's values, and what follows from them."""
    result = outcome.result if isinstance(outcome.result, dict) else {"text": outcome.result}
    name, arguments = outcome.call.name, outcome.call.arguments
    told = {n: a["told"] for n, a in book.arguments(name).items() if "told" in a}
    words = [fill(told[n], {"": v}, book) for n, v in arguments.items() if n in told]
    values: dict[str, Any] = {**result, "arguments": arguments, "rows": _count(outcome.result)}
    values["criteria"] = "".join(f" {each}" for each in words)
    if best := book["tool"].get(name, {}).get("best"):
        rows = rows_in(result, best)
        values["best"] = next((rows[at] for at in pick(best, rows)), None)
    for thing in book["thing"].values():
        if (rank := ranked(question, thing)) and thing["find"] == name:
            listed = rows_in(result, thing)
            picked = {each: listed[each] for each in pick(rank, listed)}
            values |= {"picked": _labels(picked, thing, book), "rank": rank["told"]}
    return values


def _labels(rows: Rows, thing: Phrases, book: Phrasebook) -> list[str]:
    """Return the things by their ids and what they are called."""
    called = thing.get("called", "")
    return [say("label", book, id=name, called=row.get(called)) for name, row in rows.items()]


def _count(result: Any) -> int | None:
    """Return how many rows the result has, for a tool without phrases."""
    lists = result.values() if isinstance(result, dict) else [result]
    sizes = [len(each) for each in lists if isinstance(each, list)]
    return sizes[0] if len(sizes) == 1 else None


def _applies(when: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    """Tell whether the values are as expected; true and false stand for there and missing."""
    found = [(value_at(path, values), expected) for path, expected in when.items()]
    return all((bool(v) if isinstance(want, bool) else v) == want for v, want in found)
