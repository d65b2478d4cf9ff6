"""What a person wants: the tools that a question asks for, and their arguments."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Any

from demo_model.conversation import EMAIL, Exchange
from demo_model.names import Name, read_names
from demo_model.phrasebook import Phrasebook, Phrases, compiled
from demo_model.protocol import ToolCall
from demo_model.sentences import is_number
from demo_model.spelling import corrected
from demo_model.telling import show
from demo_model.things import Seen, ids_in, look_at, pointed_at, rows_in
from demo_model.values import READ, read_values

LONGEST_TEXT = 2_000
Arguments = dict[str, Any]


@dataclass(frozen=True)
class Wish:
    """Calls to make, or what to say instead.

    If a required argument is missing, `said` asks for it, and `joint` is what to put between the
    question and the reply to it.
    """

    calls: tuple[ToolCall, ...] = ()
    said: str = ""
    joint: str = ""


@dataclass
class Reading:
    """One question on its way to wishes: with what went before, what is under way, who asks."""

    question: str
    book: Phrasebook
    earlier: Sequence[Exchange]
    current: Exchange
    own_address: str = ""

    def __post_init__(self) -> None:
        text = corrected(self.question[:LONGEST_TEXT], self.book)
        for said, meant in self.book["rewrite"].items():
            text = compiled(said).sub(meant, text)
        places = " and ".join(self.last_names)
        there = compiled(self.book["patterns"]["there"])
        self.text = there.sub(f"in {places}", text) if places else text

    @cached_property
    def seen(self) -> dict[str, Seen]:
        """What the conversation told about things of each kind."""
        return {name: look_at(self.earlier, thing) for name, thing in self.book["thing"].items()}

    @cached_property
    def past_calls(self) -> list[ToolCall]:
        """The calls made for earlier questions, the last one first."""
        return [o.call for exchange in self.earlier for o in exchange.outcomes][::-1]

    @cached_property
    def last_names(self) -> list[str]:
        """The proper names in the last calls that had any."""
        for exchange in self.earlier[::-1]:
            calls = [outcome.call for outcome in exchange.outcomes]
            sets = [[c.arguments.get(n) for n in self.book.named(c.name)] for c in calls]
            if names := [", ".join(map(str, filter(None, each))) for each in sets if any(each)]:
                return list(dict.fromkeys(names))
        return []

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
        before = replace(self, question=last.question, earlier=earlier)._direct("ask")
        if not (joint := next((wish.joint for wish in before if wish.joint), "")):
            return []
        both = f"{last.question.rstrip(' ?.!')}{joint}{self.text}"
        wishes = replace(self, question=both, earlier=earlier)._direct("ask")
        return [] if any(wish.joint for wish in wishes) else wishes

    def _direct(self, strength: str) -> list[Wish]:
        """The tools whose phrases the text has, without those that others are meant over."""
        tools = self.book["tool"]
        found = sorted(
            (min(places), name)
            for name, tool in tools.items()
            if (places := self._places(tool.get(strength, ())))
        )
        over = {less for _, name in found for less in tools[name].get("over", ())}
        return [self._wish(name, self._base(name)) for _, name in found if name not in over]

    def _places(self, patterns: Iterable[str]) -> list[int]:
        """Where the text has the patterns."""
        found = (compiled(pattern).search(self.text) for pattern in patterns)
        return [match.start() for match in found if match]

    def _pointed(self) -> list[Wish]:
        """What was asked last, about other things; or the things themselves."""
        for name, thing in self.book["thing"].items():
            seen, said = self.seen[name], ids_in(self.text, thing)
            ids = pointed_at(self.text, self.book, thing, seen)
            if not ids and self.book.finds("pronoun", self.text):
                ids = seen.focus or ids
            points = ids or (ids is not None and self.earlier)
            if said or (points and not self._limits(thing)):
                return [self._again_or_show(name, said or ids or [])]
        return []

    def _followed(self) -> list[Wish]:
        """An earlier tool again, with other arguments."""
        for call in filter(self._repeats, self.past_calls):
            changed, *_ = self._said(call.name, bare=False)
            if changed:
                named = self.book.named(call.name).keys()
                # The text says enough for a question of its own.
                whole = changed.keys() & named and changed.keys() - named and not self._refining
                return [self._wish(call.name, {} if whole else call.arguments)]
        return []

    def _limited(self) -> list[Wish]:
        """A search, by a text that says nothing but what to search for."""
        short = len(self.text.split()) <= 4 and any(all(name) for name in self._names())
        for find in (thing["find"] for thing in self.book["thing"].values()):
            named = self.book.named(find).keys()
            if find in self.book["tool"] and (
                short or any(said.keys() - named for said in self._said(find))
            ):
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
        return self._last_arguments(tool) if goes_on else {}

    def _last_arguments(self, tool: str) -> Arguments:
        return next((call.arguments for call in self.past_calls if call.name == tool), {})

    def _limits(self, thing: Phrases) -> bool:
        """Whether the text says more about things than their place in a list."""
        arguments = self.book.arguments(thing["find"]).items()
        order = {name for name, argument in arguments if argument.get("order")}
        return any(said.keys() - order for said in self._said(thing["find"]))

    def _wish(self, tool: str, base: Arguments) -> Wish:
        """The calls of a tool, or of the search for the things that it is about."""
        search = self._search_for(tool)
        made = [outcome.call for outcome in self.current.outcomes]
        if search and any(call not in made for call in search.calls):
            return search
        said = self._said(tool)
        calls = [{**self._address(tool), **self._kept(tool, base, each), **each} for each in said]
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
            if thing and self._limits(thing) and not ids_in(self.text, thing):
                return self._wish(thing["find"], self._base(thing["find"]))
        return None

    def _address(self, tool: str) -> Arguments:
        """The e-mail address that the tool needs, if it was said before or is that of "me"."""
        said = [a for each in self.earlier for a in EMAIL.findall(each.question)]
        known = [self.own_address] if self.book.finds("me", self.text) else []
        address = next(filter(None, [*known, *said[::-1]]), "")
        arguments = self.book.arguments(tool).items()
        return {n: address for n, a in arguments if a.get("format") == "email" and address}

    def _said(self, tool: str, bare: bool = True) -> list[Arguments]:
        """The arguments of each call, as far as the text names them.

        If not `bare`, what "them" and the like stand for isn't taken.
        """
        rest, values = self.text, dict[str, list[Any]]()
        for name, argument in self.book.arguments(tool).items():
            shifted = self._shifted(self._last_arguments(tool).get(name), argument)
            if shifted is not None:
                values[name] = [shifted]
            elif argument.get("thing") in self.book["thing"]:
                ids = self._ids(argument, bare)
                values[name] = [ids] if argument.get("type", "array") == "array" else ids
            elif "name" not in argument:
                values[name], rest = read_values(rest, argument, self.book)
        chosen = {name: found for name, found in values.items() if found and found != [[]]}
        combined = [dict(zip(chosen, each, strict=True)) for each in product(*chosen.values())]
        return [{**names, **each} for each in combined for names in self._named(tool) or [{}]]

    def _shifted(self, value: Any, argument: Phrases) -> int | None:
        """A value relative to the last call's, or to its results: "cheaper", "bigger"."""
        seen = self.seen.values()
        rows = [each.known[name] for each in seen for name in each.listed]
        for shift in argument.get("shift", ()):
            if self._places([shift["words"]]):
                sizes = [size for row in rows if is_number(size := row.get(shift["by"]))]
                value = value or (max if shift["pick"] == "max" else min)(sizes, default=None)
                if is_number(value):
                    return round(value * float(shift.get("times", 1)) + int(shift.get("plus", 0)))
        return None

    def _ids(self, argument: Phrases, bare: bool) -> list[str]:
        """The things meant: by id, by their place in a list or in a search, or as "them"."""
        name, thing = argument["thing"], self.book["thing"][argument["thing"]]
        seen, current = self.seen[name], self.current
        if said := ids_in(self.text, thing):
            return said
        limits = self._limits(thing)
        if bare and limits:
            found = list(rows_in([outcome.result for outcome in current.outcomes], thing))
            seen = look_at([*self.earlier, current], thing)
            pointed = pointed_at(self.text, self.book, thing, seen)
            return found if pointed is None else [name for name in pointed if name in found]
        pointed = pointed_at(self.text, self.book, thing, seen)
        if pointed is not None and not limits:
            return pointed
        short = len(self.text.split()) <= 4 or argument.get("last")
        return seen.focus if bare and (short or self.book.finds("pronoun", self.text)) else []

    def _named(self, tool: str) -> list[Arguments]:
        """The arguments that are proper names, a set for each of the names."""
        parts = self.book.named(tool)
        after = [a["after"] for a in self.book.arguments(tool).values() if "after" in a]
        names = self._names("|".join(after)) if parts else []
        if parts and not names and self.book["tool"][tool].get("keeps_names"):
            names = [Name(whole) for whole in self.last_names]
        if "whole" in parts.values():
            names = list(map(self._qualified, names))
        sets = [{n: getattr(name, part) for n, part in parts.items()} for name in names]
        return [{n: value for n, value in each.items() if value} for each in sets]

    def _names(self, after: str = "") -> list[Name]:
        return read_names(EMAIL.sub(READ, self.text), self.book, after)

    def _qualified(self, name: Name) -> Name:
        """The name with what tells it apart, when something seen before has both."""
        first, second = self.book["names"].get("fields", ("", ""))
        rows = [row for seen in self.seen.values() for row in seen.known.values()]
        found = (r[second] for r in rows if r.get(first) == name.name and r.get(second))
        return name if name.qualifier else Name(name.name, next(found, ""))
