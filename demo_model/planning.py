"""The model's next turn: which tools to call, and when none is left to call, the answer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from demo_model.conversation import Exchange, exchanges, look_at, own_address
from demo_model.offers import Offers
from demo_model.phrasebook import Library, book_for, compiled
from demo_model.pointing import pointed_at
from demo_model.protocol import Function, Message, ToolCall, Turn
from demo_model.reading import Context, Reading, Show, Wish
from demo_model.telling import filled, show, tell

MOST_EXAMPLES = 6


def next_turn(messages: Sequence[Message], offered: Sequence[Function], library: Library) -> Turn:
    """Return what to say and call now, from the conversation and the tools on offer alone."""
    conversation = exchanges(messages)
    *earlier, current = conversation or [Exchange("")]
    book = book_for([each.question for each in (*earlier, current)], library)
    offers = Offers(book, offered)
    context = Context(book, offers, earlier, own_address(messages))
    plan = _Plan(current, context)
    return plan.turn() if conversation else Turn(plan.talk("greeting"))


class _Plan:
    """One question on its way to a turn."""

    def __init__(self, current: Exchange, context: Context) -> None:
        self.current, self.context = current, context
        self.book, self.offers = context.book, context.offers
        self.reading = Reading(current.question, context)

    def turn(self) -> Turn:
        """The calls that are left to make, or the answer."""
        said = self._declined() or self._talked("about_me")
        wishes = [] if said else self.reading.wishes()
        if not wishes:
            said = said or self._talked("talk")
            return Turn(said or self._with_examples(self.book.say("unclear")))
        wanted = self._fresh(call for wish in wishes for call in self._calls(wish))
        calls = tuple(call for call in wanted if call.name in self.offers.functions)
        if calls:
            return Turn(self._before(calls), calls)
        return Turn(self._answer(wishes, [call.name for call in wanted]))

    def _calls(self, wish: Wish | Show) -> list[ToolCall]:
        if isinstance(wish, Show) or wish.missing:
            return []
        if wish.first:
            before = self._calls(wish.first)
            if self._fresh(before):
                return before
            return before + [ToolCall(wish.tool, call) for call in self._with_found(wish)]
        return [ToolCall(wish.tool, arguments) for arguments in wish.calls]

    def _with_found(self, wish: Wish) -> list[dict[str, object]]:
        """The arguments with the ids of what was found for this question."""
        phrases, schema = self.offers.arguments(wish.tool)[wish.argument]
        thing = self.offers.things[phrases["thing"]]
        found = look_at([*self.context.earlier, self.current], thing)
        rows = list(self.current.rows(thing))
        pointed, points = pointed_at(self.reading.text, self.book, thing, found)
        ids = [name for name in pointed if name in rows] if points else rows
        lists = [ids] if schema.get("type", "array") == "array" else ids
        return [{**call, wish.argument: each} for each in lists if each for call in wish.calls]

    def _fresh(self, calls: Iterable[ToolCall]) -> list[ToolCall]:
        """The calls not made yet, each once: a call that failed is not made again."""
        made = [outcome.call for outcome in self.current.outcomes]
        fresh: list[ToolCall] = []
        for call in calls:
            if call not in made and call not in fresh:
                fresh.append(call)
        return fresh

    def _before(self, calls: Sequence[ToolCall]) -> str:
        """A word before the calls; none when the answer is under way, except if it is told so."""
        phrases = self.offers.tools[calls[0].name]
        before = str(phrases.get("before", ""))
        said = filled(before, calls[0].arguments, self.book)
        return said if "{" in before or not self.current.outcomes else ""

    def _answer(self, wishes: Sequence[Wish | Show], missing: Sequence[str]) -> str:
        question = self.reading.text
        parts = [tell(o, self.offers, self.book, question) for o in self.current.outcomes]
        parts += [self._unavailable(name) for name in dict.fromkeys(missing)]
        parts += [self._remark(wish) for wish in wishes]
        return "\n\n".join(filter(None, parts)) or self.book.say("done")

    def _unavailable(self, tool: str) -> str:
        task = self.offers.tools[tool].get("task", self.book.say("task"))
        return self.book.say("unavailable").format(task=task, tool=tool)

    def _remark(self, wish: Wish | Show) -> str:
        if isinstance(wish, Show):
            thing = self.offers.things[wish.thing]
            return show(wish.ids, wish.word, thing, self.context.seen[wish.thing], self.book)
        if not wish.missing:
            return ""
        phrases, schema = self.offers.arguments(wish.tool)[wish.missing]
        what = schema.get("title") or schema.get("description") or wish.missing
        asked = phrases.get("missing", self.book.say("missing"))
        return filled(asked, {**(wish.calls or ({},))[0], "what": what}, self.book)

    def _declined(self) -> str:
        topic = self._topic("declined")
        return self._with_examples(self.book.say("declined").format(topic=topic)) if topic else ""

    def _talked(self, kind: str) -> str:
        topic = self._topic(kind)
        return self.talk(topic) if topic else ""

    def _topic(self, kind: str) -> str:
        topics, text = self.book.table(kind).items(), self.reading.text
        return next((topic for topic, words in topics if compiled(words).search(text)), "")

    def talk(self, topic: str) -> str:
        """Small talk on a topic; some of it says what can be asked."""
        said = self.book.say(topic)
        return self._with_examples(said) if topic in ("greeting", "identity", "abilities") else said

    def _with_examples(self, said: str) -> str:
        """The sentence, and what can be asked of the tools on offer."""
        told = [self._examples(name) for name in self.offers.functions or self.offers.tools]
        lines = [f"- {example}" for examples in told for example in examples][:MOST_EXAMPLES]
        return "\n\n".join([said, self.book.say("examples"), "\n".join(lines)]) if lines else said

    def _examples(self, name: str) -> list[str]:
        function = self.offers.functions.get(name)
        first = re.split(r"(?<=\.)\s", function.description)[0] if function else ""
        return list(self.offers.tools[name].get("examples", [first] if first else []))
