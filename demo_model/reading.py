"""What a person wants: the tools that a question asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from demo_model.conversation import Exchange
from demo_model.phrasebook import Phrases
from demo_model.protocol import ToolCall
from demo_model.question import Arguments, Question
from demo_model.telling import show
from demo_model.things import ids_in, pointed_at


@dataclass(frozen=True)
class Wish:
    """Calls to make, or what to say instead.

    If a required argument is missing, `said` asks for it, and `joint` is what to put between the
    question and the reply to it.
    """

    calls: tuple[ToolCall, ...] = ()
    said: str = ""
    joint: str = ""


class Reading(Question):
    """A question on its way to wishes."""

    def wishes(self) -> list[Wish]:
        """Return what is wanted, in the order of the words; empty if nothing was understood."""
        return (
            self._continued()
            or self._direct("ask")
            or self._pointed()
            or self._direct("weak")[:1]
            or self._followed()
            or self._limited()
        )

    def _continued(self) -> list[Wish]:
        """The wish of the question before, with what was missing of it."""
        *earlier, last = self.earlier or [Exchange("")]
        if last.outcomes or any(not wish.joint for wish in self._direct("ask")):
            return []
        before = replace(self, asked=last.question, earlier=earlier)._direct("ask")
        if not (joint := next((wish.joint for wish in before if wish.joint), "")):
            return []
        both = f"{last.question.rstrip(' ?.!')}{joint}{self.text}"
        wishes = replace(self, asked=both, earlier=earlier)._direct("ask")
        return [] if any(wish.joint for wish in wishes) else wishes

    def _direct(self, strength: str) -> list[Wish]:
        """The tools whose phrases the text has, without those that others are meant over."""
        tools = self.book["tool"]
        found = sorted(
            (min(places), name)
            for name, tool in tools.items()
            if (places := self.places(tool.get(strength, ())))
        )
        over = {less for _, name in found for less in tools[name].get("over", ())}
        return [self._wish(name, self._base(name)) for _, name in found if name not in over]

    def _pointed(self) -> list[Wish]:
        """What was asked last, about other things; or the things themselves."""
        for name, thing in self.book["thing"].items():
            seen, said = self.seen[name], ids_in(self.text, thing)
            ids = pointed_at(self.text, self.book, thing, seen)
            if not ids and self.book.finds("pronoun", self.text):
                ids = seen.focus or ids
            points = ids or (ids is not None and self.earlier)
            if said or (points and not self.limits(thing)):
                return [self._again_or_show(name, said or ids or [])]
        return []

    def _followed(self) -> list[Wish]:
        """An earlier tool again, with other arguments."""
        for call in filter(self._repeats, self.past_calls):
            changed, *_ = self.arguments(call.name, bare=False)
            if changed:
                named = self.book.named(call.name).keys()
                # The text says enough for a question of its own.
                whole = changed.keys() & named and changed.keys() - named and not self._refining
                return [self._wish(call.name, {} if whole else call.arguments)]
        return []

    def _limited(self) -> list[Wish]:
        """A search, by a text that says nothing but what to search for."""
        short = len(self.text.split()) <= 4 and any(all(name) for name in self.names())
        for find in (thing["find"] for thing in self.book["thing"].values()):
            named = self.book.named(find).keys()
            enough = short or any(said.keys() - named for said in self.arguments(find))
            if enough and find in self.book["tool"]:
                return [self._wish(find, {})]
        return []

    def _again_or_show(self, thing: str, ids: Sequence[str]) -> Wish:
        """The last call for other things, if it was about such things; or else the things."""
        for call in filter(self._repeats, self.past_calls[:1]):
            if any(a.get("thing") == thing for a in self.book.arguments(call.name).values()):
                return self._wish(call.name, {})
        kind, seen = self.book["thing"][thing], self.seen[thing]
        detail = kind.get("detail")
        if detail in self.book["tool"] and not seen.known.keys() >= set(ids):
            return self._wish(detail, {})
        known = [name for name in ids if name in seen.known]
        return Wish(said=show(known, self.text, kind, seen, self.book))

    def _repeats(self, call: ToolCall) -> bool:
        return bool(self.book["tool"].get(call.name, {"again": False}).get("again", True))

    @property
    def _refining(self) -> bool:
        return bool(self.book.finds("refine", self.text))

    def _base(self, tool: str) -> Arguments:
        """The arguments of the tool's last call, if the question goes on from it."""
        goes_on = self._refining and self.book["tool"][tool].get("refines")
        return self.last_arguments(tool) if goes_on else {}

    def _wish(self, tool: str, base: Arguments) -> Wish:
        """The calls of a tool, or of the search for the things that it is about."""
        search = self._search_for(tool)
        made = [outcome.call for outcome in self.current.outcomes]
        if search and any(call not in made for call in search.calls):
            return search
        said = self.arguments(tool)
        calls = [{**self.address(tool), **self._kept(tool, base, each), **each} for each in said]
        for name, argument in self.book.arguments(tool).items():
            if argument.get("required") and name not in calls[0]:
                return search or self._missing(name, argument, calls[0])
        return Wish((*(search or Wish()).calls, *(ToolCall(tool, each) for each in calls)))

    def _kept(self, tool: str, base: Arguments, said: Arguments) -> Arguments:
        """What stays of an earlier call's arguments: a name is kept or replaced as a whole."""
        named = self.book.named(tool).keys()
        return {k: v for k, v in base.items() if k not in named or not said.keys() & named}

    def _missing(self, name: str, argument: Phrases, call: Arguments) -> Wish:
        asked = argument.get("missing", self.book["sentences"]["missing"])
        said = self.book.fill(asked, {**call, "what": argument.get("what", name)})
        return Wish(said=said, joint=argument.get("joint", " "))

    def _search_for(self, tool: str) -> Wish | None:
        """The search for the things that the tool is about, if the text describes them."""
        for argument in self.book.arguments(tool).values():
            thing = self.book["thing"].get(argument.get("thing"))
            if thing and self.limits(thing) and not ids_in(self.text, thing):
                return self._wish(thing["find"], self._base(thing["find"]))
        return None
