"""The model's next turn: which tools to call, and when none is left to call, the answer."""

from __future__ import annotations

import re
from collections.abc import Sequence

from demo_model.conversation import Exchange, exchanges, own_address
from demo_model.offers import Offers
from demo_model.phrasebook import Library, book_for, compiled
from demo_model.protocol import Function, Message, ToolCall, Turn
from demo_model.reading import Context, Reading, Wish
from demo_model.telling import filled, tell

MOST_EXAMPLES = 6


def next_turn(messages: Sequence[Message], offered: Sequence[Function], library: Library) -> Turn:
    """Return what to say and call now, from the conversation and the tools on offer alone."""
    conversation = exchanges(messages)
    book = book_for([each.question for each in conversation], library)
    offers = Offers(book, offered)
    if not conversation:
        return Turn(_with_examples(book.say("greeting"), offers))
    *earlier, current = conversation
    reading = Reading(current.question, Context(offers, earlier, current, own_address(messages)))
    if talk := _talk(reading.text, offers, ("declined", "about_me")):
        return Turn(talk)
    if wishes := reading.wishes():
        return _turn(wishes, reading.text, current, offers)
    talk = _talk(reading.text, offers, ("talk",))
    return Turn(talk or _with_examples(book.say("unclear"), offers))


def _turn(wishes: Sequence[Wish], text: str, current: Exchange, offers: Offers) -> Turn:
    """Return the calls that are left to make, or the answer. A call that failed isn't repeated."""
    book, made = offers.book, [outcome.call for outcome in current.outcomes]
    wanted: list[ToolCall] = []
    for call in (call for wish in wishes for call in wish.calls):
        if call not in [*made, *wanted]:
            wanted.append(call)
    if calls := tuple(call for call in wanted if call.name in offers.functions):
        return Turn(_before(calls[0], bool(made), offers), calls)
    missing = dict.fromkeys(call.name for call in wanted)
    parts = [tell(outcome, offers, text) for outcome in current.outcomes]
    parts += [_unavailable(tool, offers) for tool in missing] + [wish.said for wish in wishes]
    return Turn("\n\n".join(filter(None, parts)) or book.say("done"))


def _before(call: ToolCall, under_way: bool, offers: Offers) -> str:
    """A word before the calls; none when the answer is under way, except if it names values."""
    before = str(offers.tools[call.name].get("before", ""))
    return "" if under_way and "{" not in before else filled(before, call.arguments, offers.book)


def _unavailable(tool: str, offers: Offers) -> str:
    task = offers.tools[tool].get("task", offers.book.say("task"))
    return offers.book.say("unavailable").format(task=task, tool=tool)


def _talk(text: str, offers: Offers, kinds: Sequence[str]) -> str:
    """Small talk on a topic, or what can't be done; some of it says what can be asked."""
    for kind in kinds:
        for topic, words in offers.book[kind].items():
            if compiled(words).search(text):
                said = offers.book.say("declined" if kind == "declined" else topic)
                said = said.format(topic=topic)
                ends = kind != "declined" and topic not in ("greeting", "identity", "abilities")
                return said if ends else _with_examples(said, offers)
    return ""


def _with_examples(said: str, offers: Offers) -> str:
    """Return the sentence, and what can be asked of the tools on offer."""
    examples = [
        each for name in offers.functions or offers.tools for each in _examples(name, offers)
    ]
    lines = "\n".join(f"- {example}" for example in examples[:MOST_EXAMPLES])
    return "\n\n".join([said, offers.book.say("examples"), lines]) if lines else said


def _examples(name: str, offers: Offers) -> list[str]:
    function = offers.functions.get(name)
    first = re.split(r"(?<=\.)\s", function.description)[0] if function else ""
    return list(offers.tools[name].get("examples", [first] if first else []))
