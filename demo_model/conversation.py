"""A request's messages as exchanges: a question, what the tools returned, what was said."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from demo_model.phrasebook import Phrases, compiled
from demo_model.protocol import FunctionCall, Message, ToolCall
from demo_model.slots import EMAIL

UNREADABLE = "The tool's answer came in a form that I can't read."
Row = dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """A tool call with its result; a failed one has its error in words instead."""

    call: ToolCall
    result: Any = None
    error: str | None = None


@dataclass(frozen=True)
class Exchange:
    """One question of the person and all that followed it, as far as it has come."""

    question: str
    outcomes: tuple[Outcome, ...] = ()
    answer: str = ""

    def rows(self, thing: Phrases, under: str = "") -> dict[str, Row]:
        """Return the things that the results tell about, by their ids.

        With `under`, only those in lists of that name.
        """
        results = [outcome.result for outcome in self.outcomes if outcome.error is None]
        if under:
            objects = (each for result in results for each in _objects(result))
            results = [each[under] for each in objects if isinstance(each.get(under), list)]
        found = [row for each in results for row in _objects(each) if thing["id"] in row]
        return {str(row[thing["id"]]): row for row in found}

    def ids(self, thing: Phrases) -> list[str]:
        """Return the ids that the calls were about, or else those of the rows."""
        said = [json.dumps(outcome.call.arguments) for outcome in self.outcomes]
        return ids_in(" ".join(said), thing) or list(self.rows(thing))


@dataclass
class Seen:
    """The things in a conversation: their values, those listed last, those talked of last."""

    known: dict[str, Row] = field(default_factory=dict)
    listed: list[str] = field(default_factory=list)
    focus: list[str] = field(default_factory=list)

    def look(self, exchange: Exchange, thing: Phrases) -> None:
        """Take in what an exchange brought."""
        rows = exchange.rows(thing)
        for name, row in rows.items():
            self.known[name] = self.known.get(name, {}) | row
        searched = any(o.call.name == thing["find"] and o.error is None for o in exchange.outcomes)
        listed = exchange.rows(thing, thing["list"])
        self.listed = list(listed) if listed or searched else self.listed
        talked_of = exchange.ids(thing)
        if not exchange.outcomes:
            talked_of = [name for name in ids_in(exchange.answer, thing) if name in self.known]
        # After a search that found nothing, "them" is nothing, not what an older search found.
        self.focus = talked_of if talked_of or searched else self.focus


def look_at(conversation: Iterable[Exchange], thing: Phrases) -> Seen:
    """Return what the exchanges told about things of one kind."""
    seen = Seen()
    for exchange in conversation:
        seen.look(exchange, thing)
    return seen


def exchanges(messages: Iterable[Message]) -> list[Exchange]:
    """Return the conversation so far; the last exchange is the one to go on with."""
    groups: list[list[Message]] = []
    for message in messages:
        if message.role == "user":
            groups.append([message])
        elif groups:
            groups[-1].append(message)
    return [_exchange(group[0].text, group[1:]) for group in groups]


def own_address(messages: Sequence[Message]) -> str:
    """Return the person's e-mail address, if the instructions name it. The last one counts: their
    name, in which they may write what they like, comes before it."""
    told = " ".join(m.text for m in messages if m.role in ("system", "developer"))
    return str(["", *EMAIL.findall(told)][-1])


def ids_in(text: str, thing: Phrases) -> list[str]:
    """Return the ids in the text as they are written properly, each once."""
    found = compiled(thing["pattern"]).finditer(EMAIL.sub(" ", text))
    return list(dict.fromkeys(match[0].upper() for match in found))


def _exchange(question: str, replies: list[Message]) -> Exchange:
    contents = {reply.tool_call_id: reply.text for reply in replies if reply.role == "tool"}
    outcomes = tuple(
        _outcome(made.function, contents[made.id])
        for reply in replies
        for made in reply.tool_calls or ()
    )
    said = " ".join(reply.text for reply in replies if reply.role == "assistant")
    return Exchange(question, outcomes, said)


def _outcome(made: FunctionCall, content: str) -> Outcome:
    call = ToolCall(made.name, _arguments(made.arguments))
    body = _json(content)
    marked = isinstance(body, dict) and body.keys() <= {"untrusted_data", "note", "from"}
    result = body.get("untrusted_data", body) if marked else body
    if result is None:
        return Outcome(call, error=UNREADABLE)
    if isinstance(result, dict) and result.get("error"):
        return Outcome(call, error=_error_text(result["error"]))
    return Outcome(call, result)


def _error_text(error: Any) -> str:
    message = error.get("message") if isinstance(error, dict) else error
    return " ".join(str(message or "The tool failed and did not say why.").split())


def _arguments(text: str) -> dict[str, Any]:
    arguments = _json(text)
    return arguments if isinstance(arguments, dict) else {}


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _objects(value: Any, depth: int = 0) -> Iterator[Row]:
    """Yield the objects in a value, down to a depth that results have."""
    if isinstance(value, dict):
        yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if depth < 4:
        for item in inner:
            yield from _objects(item, depth + 1)
