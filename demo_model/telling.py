"""What is said: results in a sentence or two, from the phrases and the results alone.

Cards and charts show the person the rest. In a phrase `{path|format}` stands for a value of the
result, or of the call as `arguments`; what is in square brackets is left out if a value is missing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from demo_model.conversation import Outcome
from demo_model.offers import Offers
from demo_model.phrasebook import Phrasebook, Phrases
from demo_model.things import Seen, is_number, pick, ranked, rows_in

_SLOT = re.compile(r"\{([\w.]*)(?:\|([^{}]*))?\}")
_TOKEN = re.compile(r"[\[\]]|\{[^{}]*\}|[^\[\]{}]+")


def tell(outcome: Outcome, offers: Offers, question: str) -> str:
    """Tell how a call went."""
    phrases, book = offers.tools.get(outcome.call.name, {}), offers.book
    if outcome.error:
        task = phrases.get("task", book.say("task"))
        return book.say("failed").format(task=task, error=inline(outcome.error))
    values = _values(outcome, offers, question)
    for rule in phrases.get("tell") or book["sentences"]["tell"]:
        if _applies(rule.get("when", {}), values) and (said := filled(rule["say"], values, book)):
            return said
    return ""


def show(ids: Sequence[str], text: str, thing: Phrases, seen: Seen, book: Phrasebook) -> str:
    """Tell about things that were seen before."""
    if not ids:
        return book.say("nothing")
    if rank := ranked(text, thing):
        values = {"picked": _labels(ids, seen, thing), "rank": rank["told"]}
        return filled(book.say("best" if len(ids) == 1 else "bests"), values, book)
    return "\n\n".join(filled(thing["told"], seen.known[name], book) for name in ids)


def filled(phrase: str, values: Mapping[str, Any], book: Phrasebook) -> str:
    """Return the phrase with its values; empty if one is missing that isn't optional."""
    texts, whole = [""], [True]
    for piece in _TOKEN.findall(phrase):
        if piece == "[":
            texts.append("")
            whole.append(True)
        elif piece == "]":
            part = texts.pop()
            texts[-1] += part if whole.pop() else ""
        elif slot := _SLOT.fullmatch(piece):
            value = _at(slot[1], values)
            whole[-1] = whole[-1] and value not in (None, [])
            texts[-1] += _written(value, slot[2] or "", book)
        else:
            texts[-1] += piece
    return texts[0].strip(" ") if whole[0] else ""


def inline(text: str) -> str:
    """Return text from elsewhere on one line, unable to break a table."""
    return " ".join(text.split()).replace("|", "\\|")


def in_words(words: Sequence[str], joint: str) -> str:
    """`a`, `a and b`, or `a, b and c`."""
    return f" {joint} ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def _values(outcome: Outcome, offers: Offers, question: str) -> dict[str, Any]:
    """The result's values, with the call's arguments and the best of the result's rows."""
    result = outcome.result if isinstance(outcome.result, dict) else {"text": outcome.result}
    name, arguments = outcome.call.name, outcome.call.arguments
    told = {n: a["told"] for n, a in offers.arguments(name).items() if "told" in a}
    words = [filled(told[n], {"": v}, offers.book) for n, v in arguments.items() if n in told]
    values: dict[str, Any] = {**result, "arguments": arguments, "rows": _count(outcome.result)}
    values["criteria"] = "".join(f" {each}" for each in words)
    if best := offers.tools.get(name, {}).get("best"):
        rows = [row for row in _rows(result, best["of"]) if is_number(row.get(best["by"]))]
        values["best"] = max(rows, key=lambda row: row[best["by"]], default=None)
    for thing in offers.book["thing"].values():
        if (rank := ranked(question, thing)) and thing["find"] == name:
            rows_by_id = rows_in(_rows(result, thing["list"]), thing)
            seen = Seen(rows_by_id, list(rows_by_id))
            values |= {"picked": _labels(pick(rank, seen), seen, thing), "rank": rank["told"]}
    return values


def _labels(ids: Sequence[str], seen: Seen, thing: Phrases) -> list[str]:
    """Return the things by their ids and what they are called."""
    called = [seen.known[name].get(thing.get("called", "")) for name in ids]
    return [
        f"**{inline(name)}** ({inline(str(call))})" if call else f"**{inline(name)}**"
        for name, call in zip(ids, called, strict=True)
    ]


def _rows(result: dict[str, Any], name: str) -> list[dict[str, Any]]:
    rows = result.get(name)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _count(result: Any) -> int | None:
    """Return how many rows the result has, for a tool without phrases."""
    lists = result.values() if isinstance(result, dict) else [result]
    sizes = [len(each) for each in lists if isinstance(each, list)]
    return sizes[0] if len(sizes) == 1 else None


def _applies(when: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    found = {path: _at(path, values) for path in when}
    return all((bool(found[p]) if isinstance(v, bool) else found[p]) == v for p, v in when.items())


def _at(path: str, values: Any) -> Any:
    """Return the value at a path such as `listings.0.address`; None where there is none."""
    if path in values:
        return values[path]
    for key in path.split("."):
        try:
            values = values[int(key) if isinstance(values, list) else key]
        except (LookupError, TypeError, ValueError):
            return None
    return values


def _written(value: Any, form: str, book: Phrasebook) -> str:
    """Write a value in its format: money, percent, change, or words for one and for many."""
    if isinstance(value, list | tuple):
        return in_words([str(each) for each in value], book.say("and"))
    if not is_number(value):
        return inline(str(value)) if form != "raw" else str(value)
    match form.split(" ", 1):
        case ["money"]:
            return f"${value:,.0f}"
        case ["percent"]:
            return f"{_plain(value)} %"
        case ["change"]:
            return f"{'+' if value > 0 else ''}{_plain(value)} %"
        case ["count", nouns]:
            one, many = nouns.split("/")
            return f"{_plain(value)} {one if value == 1 else many}"
    return _plain(value)


def _plain(value: float) -> str:
    return f"{value:,.2f}".rstrip("0").rstrip(".")
