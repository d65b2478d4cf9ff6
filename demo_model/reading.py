"""What a person wants: the tools that a question asks for, and their arguments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product
from typing import Any

from demo_model.conversation import Exchange, Seen, ids_in, look_at
from demo_model.offers import Offers
from demo_model.phrasebook import Phrasebook, Phrases, compiled
from demo_model.pointing import is_number, pointed_at
from demo_model.protocol import ToolCall
from demo_model.slots import EMAIL, READ, Name, Text, read_names, read_values
from demo_model.spelling import corrected

LONGEST_TEXT = 2_000
Arguments = dict[str, Any]


@dataclass(frozen=True)
class Context:
    """What a question is read by: phrases, tools on offer, what went before, who asks."""

    book: Phrasebook
    offers: Offers
    earlier: Sequence[Exchange]
    own_address: str = ""

    @cached_property
    def seen(self) -> dict[str, Seen]:
        """What the conversation told about things of each kind."""
        return {name: look_at(self.earlier, kind) for name, kind in self.offers.things.items()}

    @cached_property
    def past_calls(self) -> list[ToolCall]:
        """The calls made for earlier questions, the last one first."""
        return [o.call for exchange in self.earlier for o in exchange.outcomes][::-1]

    def last_arguments(self, tool: str) -> Arguments:
        """Return the arguments of the tool's last call."""
        return next((call.arguments for call in self.past_calls if call.name == tool), {})


@dataclass(frozen=True)
class Wish:
    """A tool to call, once for each of `calls`.

    `missing` is a required argument that nothing named. `argument` takes the ids from the results
    of another wish, `first`, which has to be fulfilled before.
    """

    tool: str
    calls: tuple[Arguments, ...] = ()
    missing: str = ""
    first: Wish | None = None
    argument: str = ""


@dataclass(frozen=True)
class Show:
    """Things that were seen before, to be told about again."""

    thing: str
    ids: tuple[str, ...]
    word: str = ""


@dataclass
class Reading:
    """One question on its way to wishes."""

    question: str
    context: Context
    text: str = field(init=False)

    def __post_init__(self) -> None:
        self.book, self.offers = self.context.book, self.context.offers
        text = corrected(self.question[:LONGEST_TEXT], self.book, self.offers.values)
        for said, meant in self.book.table("rewrite").items():
            text = compiled(said).sub(meant, text)
        places = " and ".join(self._last_names())
        there = self.book.pattern("there")
        self.text = there.sub(f"in {places}", text) if places else text

    def wishes(self) -> Sequence[Wish | Show]:
        """Return what is wanted, in the order of the words; empty if nothing was understood."""
        return (
            self._continued()
            or self._direct()
            or self._pointed()
            or self._direct("weak")[:1]
            or self._followed()
            or self._limited()
        )

    def _asked(self, strength: str) -> list[str]:
        """The tools whose phrases the text has, without those that others are meant over."""
        places = {name: self._place(tool, strength) for name, tool in self.offers.tools.items()}
        found = sorted((place, name) for name, place in places.items() if place is not None)
        over = {less for _, name in found for less in self.offers.tools[name].get("over", ())}
        return [name for _, name in found if name not in over]

    def _place(self, tool: Phrases, strength: str) -> int | None:
        found = (self.book.value_pattern(p).search(self.text) for p in tool.get(strength, ()))
        return min((match.start() for match in found if match), default=None)

    @property
    def _refining(self) -> bool:
        return bool(self.book.pattern("refine").search(self.text))

    def _base(self, tool: str) -> Arguments:
        """The arguments of the tool's last call, if the question goes on from it."""
        goes_on = self._refining and self.offers.tools[tool].get("refines")
        return self.context.last_arguments(tool) if goes_on else {}

    def _continued(self) -> Sequence[Wish | Show]:
        """The wish of the question before, with what was missing of it."""
        if not self.context.earlier or self.context.earlier[-1].outcomes:
            return []
        if any(not wish.missing for wish in self._direct()):
            return []
        *earlier, last = self.context.earlier
        before = Reading(last.question, replace(self.context, earlier=earlier))
        open_wish = next((wish for wish in before._direct() if wish.missing), None)
        if not open_wish:
            return []
        said, _ = self.offers.arguments(open_wish.tool)[open_wish.missing]
        joint = said.get("joint", " ")
        both = Reading(f"{last.question.rstrip(' ?.!')}{joint}{self.question}", before.context)
        wishes = both._direct()
        return [] if any(wish.missing for wish in wishes) else wishes

    def _direct(self, strength: str = "ask") -> list[Wish]:
        return [self._wish(tool, self._base(tool)) for tool in self._asked(strength)]

    def _pointed(self) -> Sequence[Wish | Show]:
        """What was asked last, about other things; or the things themselves."""
        for name, thing in self.offers.things.items():
            said = ids_in(self.text, thing)
            ids, points = pointed_at(self.text, self.book, thing, self.context.seen[name])
            points = bool(said or ids or (points and self.context.earlier))
            if points and (said or not self._limits(thing)):
                return [self._again_or_show(name, said or ids)]
        return []

    def _again_or_show(self, thing: str, ids: Sequence[str]) -> Wish | Show:
        """The last call for other things, if it was about such things; or else the things."""
        for call in self.context.past_calls[:1]:
            if self._repeats(call.name) and self._about(call.name, thing):
                return self._wish(call.name, {})
        known = self.context.seen[thing].known
        detail = self.offers.things[thing].get("detail", "")
        if known.keys() >= set(ids) or detail not in self.offers.tools:
            return Show(thing, tuple(ids), self.text)
        return self._wish(detail, {})

    def _repeats(self, tool: str) -> bool:
        return tool in self.offers.tools and bool(self.offers.tools[tool].get("again", True))

    def _about(self, tool: str, thing: str) -> bool:
        arguments = self.offers.arguments(tool)
        return any(argument.get("thing") == thing for argument, _ in arguments.values())

    def _limits(self, thing: Phrases) -> bool:
        """Whether the text says more about things than their place in a list."""
        find = thing["find"]
        ordering = {n for n, (a, _) in self.offers.arguments(find).items() if a.get("order")}
        return any(call.keys() - ordering for call in self._calls(find, {})[0])

    def _followed(self) -> Sequence[Wish | Show]:
        """An earlier tool again, with other arguments; or what "them" stands for."""
        for call in self.context.past_calls:
            if self._repeats(call.name):
                calls, _ = self._calls(call.name, call.arguments, only_changes=True)
                if any(calls):
                    return [self._wish(call.name, self._kept(call, calls[0]))]
        if self.book.pattern("pronoun").search(self.text):
            return [
                self._again_or_show(name, seen.focus)
                for name, seen in self.context.seen.items()
                if seen.focus
            ]
        return []

    def _kept(self, call: ToolCall, new: Arguments) -> Arguments:
        """The last arguments, unless the text says enough for a question of its own."""
        named = self.offers.named(call.name)
        whole = new.keys() & named and new.keys() - named and not self._refining
        return {} if whole else call.arguments

    def _limited(self) -> Sequence[Wish | Show]:
        """A search, by a text that says nothing but what to search for."""
        for thing in self.offers.things.values():
            if (find := thing["find"]) not in self.offers.tools:
                continue
            calls, _ = self._calls(find, {})
            qualified = any(name.name and name.qualifier for name in self._names(""))
            short = qualified and len(self.text.split()) <= 4
            if short or any(call.keys() - self.offers.named(find) for call in calls):
                return [self._wish(find, {})]
        return []

    def _wish(self, tool: str, base: Arguments) -> Wish:
        calls, first = self._calls(tool, base)
        calls = [self._complete(tool, call) for call in calls]
        needed = self.offers.required(tool)
        given = {*calls[0], *([first[1]] if first else [])}
        missing = next((name for name in needed if name not in given), "")
        wish = Wish(tool, tuple(calls), missing)
        return replace(wish, first=first[0], argument=first[1]) if first else wish

    def _complete(self, tool: str, call: Arguments) -> Arguments:
        """Add the e-mail address said before, where one is needed and none was said."""
        for name in self.offers.required(tool):
            _, schema = self.offers.arguments(tool)[name]
            if schema.get("format") == "email" and name not in call and (to := self._address()):
                call = {**call, name: to}
        return call

    def _address(self) -> str:
        if self.context.own_address and self.book.pattern("me").search(self.text):
            return self.context.own_address
        said = [EMAIL.findall(exchange.question) for exchange in self.context.earlier]
        return next((found[-1] for found in said[::-1] if found), "")

    def _calls(
        self, tool: str, base: Arguments, only_changes: bool = False
    ) -> tuple[list[Arguments], tuple[Wish, str] | None]:
        """The arguments of each call, and where the ids come from if they must be found first."""
        text, values = Text(self.text, self.book), dict[str, list[Any]]()
        first: tuple[Wish, str] | None = None
        for name, (argument, schema) in self.offers.arguments(tool).items():
            if "shift" in argument and (value := self._shifted(tool, name, argument)) is not None:
                values[name] = [value]
            elif argument.get("thing") in self.offers.things:
                ids, find = self._ids(argument, bare=not only_changes)
                first = (find, name) if find else first
                values[name] = [ids] if schema.get("type", "array") == "array" else ids
            elif "name" not in argument:
                values[name] = read_values(text, argument, schema)
        named = self._named(tool) or [{}]
        chosen = {name: found for name, found in values.items() if found and found != [[]]}
        combined = [dict(zip(chosen, each, strict=True)) for each in product(*chosen.values())]
        kept = {} if only_changes else base
        if any(named):
            kept = {k: v for k, v in kept.items() if k not in self.offers.named(tool)}
        return [{**kept, **names, **call} for call in combined for names in named], first

    def _named(self, tool: str) -> list[Arguments]:
        """The arguments that are proper names, a set for each of the names."""
        arguments = self.offers.arguments(tool)
        parts = {n: a.get("part", "name") for n, (a, _) in arguments.items() if "name" in a}
        after = "|".join(a["after"] for a, _ in arguments.values() if "after" in a)
        names = self._names(after) if parts else []
        if parts and not names and self.offers.tools[tool].get("keeps_names"):
            names = [Name(whole) for whole in self._last_names()]
        names = [self._qualified(name) for name in names] if "whole" in parts.values() else names
        sets = [{n: getattr(name, part) for n, part in parts.items()} for name in names]
        return [{n: value for n, value in each.items() if value} for each in sets]

    def _qualified(self, name: Name) -> Name:
        """The name with what tells it apart, when something seen before has both."""
        rows = [row for seen in self.context.seen.values() for row in seen.known.values()]
        for kind in self.book.table("names").values():
            first, second = kind.get("fields", ("", ""))
            found = (r[second] for r in rows if r.get(first) == name.name and r.get(second))
            name = replace(name, qualifier=name.qualifier or next(found, ""))
        return name

    def _names(self, after: str) -> list[Name]:
        found: list[Name] = []
        for kind in self.book.table("names").values():
            behind = "|".join(filter(None, (kind["after"], after)))
            found += read_names(EMAIL.sub(READ, self.text), kind, behind, self.book)
        return found

    def _last_names(self) -> list[str]:
        """The names in the last calls that had any."""
        for exchange in self.context.earlier[::-1]:
            sets = [_whole(o.call, self.offers.arguments(o.call.name)) for o in exchange.outcomes]
            if names := list(dict.fromkeys(filter(None, sets))):
                return names
        return []

    def _shifted(self, tool: str, name: str, argument: Phrases) -> float | None:
        """A value relative to the last call's, or to its results: "cheaper", "bigger"."""
        for shift in argument["shift"]:
            if not compiled(shift["words"]).search(self.text):
                continue
            last = self.context.last_arguments(tool)
            rows = self._rows(shift["by"])
            value = last.get(name) or (max if shift["pick"] == "max" else min)(rows, default=None)
            if is_number(value):
                times, plus = float(shift.get("times", 1)), float(shift.get("plus", 0))
                return round(value * times + plus)
        return None

    def _rows(self, field_name: str) -> list[float]:
        seen = self.context.seen.values()
        rows = [each.known[name] for each in seen for name in each.listed]
        return [row[field_name] for row in rows if is_number(row.get(field_name))]

    def _ids(self, argument: Phrases, bare: bool) -> tuple[list[str], Wish | None]:
        """The things meant, or else the search that finds them, or neither."""
        thing = self.offers.things[argument["thing"]]
        seen = self.context.seen[argument["thing"]]
        if said := ids_in(self.text, thing):
            return said, None
        pointed, points = pointed_at(self.text, self.book, thing, seen)
        limits = self._limits(thing)
        if points and not limits:
            return pointed, None
        if bare and limits and thing["find"] in self.offers.tools:
            return [], self._wish(thing["find"], self._base(thing["find"]))
        pronoun = self.book.pattern("pronoun").search(self.text)
        short = len(self.text.split()) <= 4 or argument.get("last", False)
        return (seen.focus if bare and (pronoun or short) else []), None


def _whole(call: ToolCall, arguments: dict[str, tuple[Phrases, Any]]) -> str:
    named = [name for name, (argument, _) in arguments.items() if "name" in argument]
    return ", ".join(str(call.arguments[name]) for name in named if name in call.arguments)
