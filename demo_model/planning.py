"""The model's next turn: which tools to call, and when none is left to call, the answer."""

from __future__ import annotations

from collections.abc import Sequence

from demo_model.conversation import Exchange, exchanges, own_address
from demo_model.phrasebook import Library, Phrasebook, book_for, compiled
from demo_model.protocol import Function, Message, Turn
from demo_model.reading import Reading
from demo_model.telling import fill, say, tell

MOST_EXAMPLES = 6


def next_turn(messages: Sequence[Message], offered: Sequence[Function], library: Library) -> Turn:
    """Return what to say and call now, from the conversation and the tools on offer alone."""
    conversation = exchanges(messages)
    book = book_for([each.question for each in conversation], library).with_offers(offered)
    if not conversation:
        return Turn(_with_examples("greeting", book))
    *earlier, current = conversation
    reading = Reading(current.question, book, earlier, current, own_address(messages))
    if said := _talk("declined", reading.text, book):
        return Turn(said)
    if wishes := reading.wishes():
        return _turn(wishes, reading.text, current, book)
    return Turn(_talk("talk", reading.text, book) or _with_examples("unclear", book))


def _turn(wishes: Sequence[Turn], text: str, current: Exchange, book: Phrasebook) -> Turn:
    """Return the calls that are left to make, or the answer. A call that failed isn't repeated."""
    made, tools = [outcome.call for outcome in current.outcomes], book["tool"]
    wanted = [call for wish in wishes for call in wish.calls if call not in made]
    wanted = [call for at, call in enumerate(wanted) if call not in wanted[:at]]
    if calls := tuple(call for call in wanted if "offer" in tools[call.name]):
        before = tools[calls[0].name].get("before", "")
        return Turn(fill(before, calls[0].arguments, book), calls)
    said = [tell(outcome, book, text) for outcome in current.outcomes]
    for tool in dict.fromkeys(call.name for call in wanted):
        task = tools[tool].get("task", book["sentences"]["task"])
        said.append(say("unavailable", book, task=task, tool=tool))
    said += [wish.text for wish in wishes]
    return Turn("\n\n".join(filter(None, said)) or say("done", book))


def _talk(kind: str, text: str, book: Phrasebook) -> str:
    """Return what to say on the first topic of a kind that the text has; empty if it has none."""
    for topic, words in book[kind].items():
        if compiled(words).search(text):
            return _with_examples(topic if topic in book["sentences"] else "cannot", book, topic)
    return ""


def _with_examples(sentence: str, book: Phrasebook, topic: str = "") -> str:
    """Return the sentence; some of them say what can be asked of the tools on offer."""
    tools = book["tool"].values()
    on_offer = [tool for tool in tools if "offer" in tool] or tools
    examples = [f"- {each}" for tool in on_offer for each in tool.get("examples", ())]
    lines = "\n".join(examples[:MOST_EXAMPLES])
    told = say("examples", book, lines=lines) if lines else None
    return say(sentence, book, topic=topic, examples=told)
