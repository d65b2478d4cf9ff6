"""Answers: a sentence or two on the results, from the phrases and the results alone.

Cards and charts show the person the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from demo_model.conversation import Outcome
from demo_model.phrasebook import Phrasebook, Phrases
from demo_model.sentences import is_number, value_at
from demo_model.things import Row, Seen, pick, ranked, rows_in


def tell(outcome: Outcome, book: Phrasebook, question: str) -> str:
    """Tell how a call went."""
    phrases = book["tool"].get(outcome.call.name, {})
    if outcome.error:
        return book.say("failed", task=phrases.get("task", book.say("task")), error=outcome.error)
    values = _values(outcome, book, question)
    rules = phrases.get("tell") or book["sentences"]["tell"]
    told = (book.fill(r["say"], values) for r in rules if _applies(r.get("when", {}), values))
    return next(filter(None, told), "")


def show(ids: Sequence[str], text: str, thing: Phrases, seen: Seen, book: Phrasebook) -> str:
    """Tell about things that were seen before."""
    if not ids:
        return book.say("nothing")
    if rank := ranked(text, thing):
        picked = _labels(ids, seen, thing, book)
        return book.say("best" if len(ids) == 1 else "bests", picked=picked, rank=rank["told"])
    return "\n\n".join(book.fill(thing["told"], seen.known[name]) for name in ids)


def _values(outcome: Outcome, book: Phrasebook, question: str) -> dict[str, Any]:
    """Return what sentences can have: the result's values, and what follows from them."""
    result = outcome.result if isinstance(outcome.result, dict) else {"text": outcome.result}
    name, arguments = outcome.call.name, outcome.call.arguments
    told = {n: a["told"] for n, a in book.arguments(name).items() if "told" in a}
    words = [book.fill(told[n], {"": v}) for n, v in arguments.items() if n in told]
    values: dict[str, Any] = {**result, "arguments": arguments, "rows": _count(outcome.result)}
    values["criteria"] = "".join(f" {each}" for each in words)
    if best := book["tool"].get(name, {}).get("best"):
        rows = [row for row in _rows(result, best["of"]) if is_number(row.get(best["by"]))]
        values["best"] = max(rows, key=lambda row: row[best["by"]], default=None)
    for thing in book["thing"].values():
        if (rank := ranked(question, thing)) and thing["find"] == name:
            listed = rows_in(_rows(result, thing["list"]), thing)
            seen = Seen(listed, list(listed))
            values |= {"picked": _labels(pick(rank, seen), seen, thing, book), "rank": rank["told"]}
    return values


def _labels(ids: Sequence[str], seen: Seen, thing: Phrases, book: Phrasebook) -> list[str]:
    """Return the things by their ids and what they are called."""
    called = thing.get("called", "")
    return [book.say("label", id=name, called=seen.known[name].get(called)) for name in ids]


def _rows(result: dict[str, Any], name: str) -> list[Row]:
    rows = result.get(name)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _count(result: Any) -> int | None:
    """Return how many rows the result has, for a tool without phrases."""
    lists = result.values() if isinstance(result, dict) else [result]
    sizes = [len(each) for each in lists if isinstance(each, list)]
    return sizes[0] if len(sizes) == 1 else None


def _applies(when: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    """Tell whether the values are as expected; true and false stand for there and missing."""
    found = [(value_at(path, values), expected) for path, expected in when.items()]
    return all((bool(v) if isinstance(want, bool) else v) == want for v, want in found)
