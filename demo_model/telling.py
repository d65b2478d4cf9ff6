"""What is said: results in a sentence or two, from the phrases and the results alone.

Cards and charts show the person the rest. In a phrase `{path|format}` stands for a value of the
result, or of the call as `arguments`; what is in square brackets is left out if a value is missing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from demo_model.conversation import Outcome, Seen
from demo_model.offers import Offers
from demo_model.phrasebook import Phrasebook, Phrases
from demo_model.pointing import is_number, pick, ranked

_SLOT = re.compile(r"\{([\w.]*)(?:\|([^{}]*))?\}")
_TOKEN = re.compile(r"[\[\]]|\{[^{}]*\}|[^\[\]{}]+")


def tell(outcome: Outcome, offers: Offers, book: Phrasebook, question: str) -> str:
    """Tell how a call went."""
    phrases = offers.tools.get(outcome.call.name, {})
    if outcome.error:
        task = phrases.get("task", book.say("task"))
        return book.say("failed").format(task=task, error=inline(outcome.error))
    values = _values(outcome, offers, book, question)
    for rule in phrases.get("tell") or book.table("sentences")["tell"]:
        if _applies(rule.get("when", {}), values) and (said := filled(rule["say"], values, book)):
            return said
    return ""


def _values(outcome: Outcome, offers: Offers, book: Phrasebook, question: str) -> dict[str, Any]:
    """The result's values, with the call's arguments and the best of the result's rows."""
    result = outcome.result if isinstance(outcome.result, dict) else {"text": outcome.result}
    arguments = outcome.call.arguments
    values: dict[str, Any] = {**result, "arguments": arguments, "rows": _count(outcome.result)}
    phrases = offers.arguments(outcome.call.name)
    told = [(phrases.get(name, ({}, {}))[0].get("told"), arguments[name]) for name in arguments]
    words = [filled(said, {"": value}, book) for said, value in told if said]
    values["criteria"] = "".join(f" {each}" for each in words)
    if best := offers.tools.get(outcome.call.name, {}).get("best"):
        rows = [row for row in _rows(result, best["of"]) if is_number(row.get(best["by"]))]
        values["best"] = max(rows, key=lambda row: row[best["by"]], default=None)
    for thing in offers.things.values():
        if (rank := ranked(question, thing)) and thing["find"] == outcome.call.name:
            values["picked"] = _picked(rank, _rows(result, thing["list"]), thing)
            values["rank"] = rank["told"]
    return values


def _picked(rank: Phrases, rows: Sequence[dict[str, Any]], thing: Phrases) -> list[str]:
    known = {str(row[thing["id"]]): row for row in rows if thing["id"] in row}
    return [_label(n, known, thing) for n in pick(rank, Seen(known, list(known)))]


def show(ids: Sequence[str], text: str, thing: Phrases, seen: Seen, book: Phrasebook) -> str:
    """Tell about things that were seen before."""
    if not ids:
        return book.say("nothing")
    rank = ranked(text, thing)
    labels = [_label(name, seen.known, thing) for name in ids]
    if rank:
        values = {"picked": labels, "rank": rank["told"], "ids": ids}
        return filled(book.say("best" if len(ids) == 1 else "bests"), values, book)
    lines = [filled(thing["told"], seen.known[name], book) for name in ids]
    return "\n\n".join(lines)


def _label(name: str, known: Mapping[str, dict[str, Any]], thing: Phrases) -> str:
    address = known[name].get(thing.get("called", ""))
    return f"**{inline(name)}** ({inline(address)})" if address else f"**{inline(name)}**"


def _rows(result: dict[str, Any], name: str) -> list[dict[str, Any]]:
    rows = result.get(name)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _count(result: Any) -> int | None:
    """How many rows the result has, for a tool without phrases."""
    if isinstance(result, dict):
        lists = [value for value in result.values() if isinstance(value, list)]
        return len(lists[0]) if len(lists) == 1 else None
    return len(result) if isinstance(result, list) else None


def _applies(when: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    for path, expected in when.items():
        value = _at(path, values)
        holds = bool(value) == expected if isinstance(expected, bool) else value == expected
        if not holds:
            return False
    return True


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


def _at(path: str, values: Any) -> Any:
    """The value at a path such as `listings.0.address`; None where there is none."""
    if path in values:
        return values[path]
    for key in path.split("."):
        if isinstance(values, dict):
            values = values.get(key)
        elif isinstance(values, list) and key.isdigit() and int(key) < len(values):
            values = values[int(key)]
        else:
            return None
    return values


def _written(value: Any, form: str, book: Phrasebook) -> str:
    """Write a value in its format: money, percent, change, or words for one and for many."""
    if isinstance(value, list | tuple):
        return in_words([str(each) for each in value], book.say("and"))
    if not is_number(value):
        return inline(str(value)) if form != "raw" else str(value)
    match form.partition(" "):
        case ("money", _, _):
            return f"${value:,.0f}"
        case ("percent", _, _):
            return f"{_plain(value)} %"
        case ("change", _, _):
            return f"{'+' if value > 0 else ''}{_plain(value)} %"
        case ("count", _, nouns):
            one, many = nouns.split("/")
            return f"{_plain(value)} {one if value == 1 else many}"
    return _plain(value)


def _plain(value: float) -> str:
    return f"{value:,.2f}".rstrip("0").rstrip(".")


def inline(text: str) -> str:
    """Return text from elsewhere on one line, unable to break a table."""
    return " ".join(str(text).split()).replace("|", "\\|")


def in_words(words: Sequence[str], joint: str) -> str:
    """`a`, `a and b`, or `a, b and c`."""
    return f" {joint} ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))
