"""What a person wants: the tools that a question asks for, and their arguments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Any

from demo_model.conversation import (
    EMAIL,
    Exchange,
    Seen,
    ids_in,
    is_number,
    look_at,
    pointed_at,
    rows_in,
)
from demo_model.phrasebook import Phrasebook, Phrases, compiled
from demo_model.protocol import ToolCall, Turn
from demo_model.telling import fill, show
from demo_model.values import name_in, read_names, read_values

LONGEST_TEXT = 2_000
Arguments = dict[str, Any]


@dataclass
class Reading:
    """A question, with what went before, what is under way, and who asks."""

    asked: str
    book: Phrasebook
    earlier: Sequence[Exchange]
    current: Exchange
    own_address: str = ""

    def __post_init__(self) -> None:
        self.text = self.book.corrected(self.asked[:LONGEST_TEXT])
        for said, meant in self.book["rewrite"].items():
            self.text = compiled(said).sub(meant, self.text)

    def wishes(self) -> list[Turn]:
        """Return what is wanted, in the order of the words; empty if nothing was understood.

        A wish is calls to make, or else what to say: the question for an argument that is missing.
        """
        return (
            self._continued()
            or self._asked("ask")
            or self._pointed()
            or self._asked("weak")[:1]
            or self._implied()
        )

    def _continued(self) -> list[Turn]:
        """Read the question before, which led to no call, together with the reply to it."""
        *earlier, last = self.earlier or [Exchange("")]
        if last.outcomes or any(wish.calls for wish in self._asked("ask")):
            return []
        both = f"{last.question.rstrip(' ?.!')}: {self.text}"
        wishes = replace(self, asked=both, earlier=earlier)._asked("ask")
        return wishes if all(wish.calls for wish in wishes) else []

    def _asked(self, strength: str) -> list[Turn]:
        """Find the tools whose phrases the text has, without those that others are meant over."""
        tools = self.book["tool"]
        found = sorted(
            (match.start(), name)
            for name, tool in tools.items()
            if tool.get(strength)
            and (match := compiled("|".join(tool[strength])).search(self.text))
        )
        over = {less for _, name in found for less in tools[name].get("over", ())}
        return [self._wish(name) for _, name in found if name not in over]

    def _pointed(self) -> list[Turn]:
        """Ask what was asked last about the things that the text points at, or tell about them."""
        for name, thing in self.book["thing"].items():
            ids = self._things(thing)
            if not ids or self._describes(thing):
                continue
            last, known = next(iter(self.past_calls), None), self._look_at(thing).known
            arguments = self.book.arguments(last.name).values() if last else ()
            if last and self._repeats(last.name) and any(a.get("thing") == name for a in arguments):
                return [self._wish(last.name)]
            if thing.get("detail") in self.book["tool"] and not known.keys() >= set(ids):
                return [self._wish(thing["detail"])]
            return [Turn(show(ids, self.text, thing, known, self.book))]
        return []

    def _implied(self) -> list[Turn]:
        """Call an earlier tool with other arguments, or search for what the text describes."""
        for call in self.past_calls:
            if self._repeats(call.name) and any(self.arguments(call.name)):
                return [self._wish(call.name, call.arguments)]
        for find in (thing["find"] for thing in self.book["thing"].values()):
            said = {name for each in self.arguments(find) for name in each}
            enough = said - self.book.named(find).keys() or (said and len(self.text.split()) < 4)
            if enough and find in self.book["tool"]:
                return [self._wish(find)]
        return []

    def _wish(self, tool: str, base: Arguments | None = None) -> Turn:
        """Return the calls of a tool, after the search for the things that it is about.

        They start from an earlier call's arguments: `base`, or the last if the text refines them.
        """
        if base is None:
            goes_on = self._repeats(tool) and self.book.finds("refine", self.text)
            base = self._last_arguments(tool) if goes_on else {}
        arguments, named = self.book.arguments(tool), self.book.named(tool).keys()
        # Things that the text describes are searched for first.
        kinds = [self.book["thing"].get(a.get("thing")) for a in arguments.values()]
        described = [kind for kind in kinds if kind and self._describes(kind)]
        search = self._wish(described[0]["find"]) if described else Turn()
        if any(call not in [o.call for o in self.current.outcomes] for call in search.calls):
            return search
        calls = []
        for said in self.arguments(tool, things=True):
            # A name is kept or replaced as a whole.
            kept = {k: v for k, v in base.items() if k not in named or not said.keys() & named}
            calls.append({**kept, **said})
        lacking = [n for n, a in arguments.items() if a.get("required") and n not in calls[0]]
        if lacking and search.calls:
            return search
        if lacking:
            argument = arguments[lacking[0]]
            asked = argument.get("missing", self.book["sentences"]["missing"])
            what = argument.get("title") or argument.get("description") or lacking[0]
            return Turn(fill(asked, {**calls[0], "what": what}, self.book))
        return Turn(calls=(*search.calls, *(ToolCall(tool, each) for each in calls)))

    def arguments(self, tool: str, things: bool = False) -> list[Arguments]:
        """Return the arguments that the text names, a set for each call; things if asked for."""
        rest, values = self.text, dict[str, list[Any]]()
        for name, argument in self.book.arguments(tool).items():
            shifted = self._shifted(self._last_arguments(tool).get(name), argument)
            if shifted is not None:
                values[name] = [shifted]
            elif thing := self.book["thing"].get(argument.get("thing")):
                ids = self._things(thing, asked_for=True) if things else []
                values[name] = ids if argument.get("type") == "string" else [ids]
            elif argument.get("format") == "email":
                values[name] = self._address()
            else:
                values[name], rest = read_values(rest, argument, self.book)
        names = self._names(tool) or [{}]
        values = {name: found for name, found in values.items() if found}
        combined = [dict(zip(values, each, strict=True)) for each in product(*values.values())]
        sets = [{**name, **said, **name} for said in combined for name in names]
        return [{name: value for name, value in each.items() if value} for each in sets]

    def _things(self, thing: Phrases, asked_for: bool = False) -> list[str]:
        """Return the things that the text names or points at.

        If they are asked for, a short text or a search can mean those talked of last as well.
        """
        if said := ids_in(self.text, thing):
            return said
        seen = self._look_at(thing)
        pointed = pointed_at(self.text, self.book, thing, seen)
        if pointed is not None:
            return pointed
        bare = asked_for and (len(self.text.split()) <= 4 or self._describes(thing))
        return seen.focus if bare or self.book.finds("pronoun", self.text) else []

    def _describes(self, thing: Phrases) -> bool:
        """Tell whether the text says more about things than their ids or places in a list."""
        if ids_in(self.text, thing):
            return False
        arguments = self.book.arguments(thing["find"])
        said = {name for each in self.arguments(thing["find"]) for name in each}
        return any(not arguments[name].get("order") for name in said)

    def _shifted(self, value: Any, argument: Phrases) -> int | None:
        """Return a value relative to the last call's or its results': "cheaper", "bigger"."""
        for shift in argument.get("shift", ()):
            if compiled(shift["words"]).search(self.text):
                seen = [look_at(self.earlier, thing) for thing in self.book["thing"].values()]
                rows = [row for each in seen for row in each.listed.values()]
                sizes = [size for row in rows if is_number(size := row.get(shift["by"]))]
                value = value or (max if shift["pick"] == "max" else min)(sizes, default=None)
                if is_number(value):
                    return round(value * float(shift.get("times", 1)) + int(shift.get("plus", 0)))
        return None

    def _address(self) -> list[str]:
        """Return the e-mail address in the text, that of "me", or the one that was said last."""
        said = [a for each in self.earlier for a in EMAIL.findall(each.question)]
        own = [self.own_address] if self.book.finds("me", self.text) and self.own_address else []
        return EMAIL.findall(self.text)[:1] or own or said[-1:]

    def _names(self, tool: str) -> list[Arguments]:
        """Return the arguments that are proper names, a set for each of the names."""
        parts, arguments = self.book.named(tool), self.book.arguments(tool)
        after = "|".join(arguments[n]["after"] for n in parts if "after" in arguments[n])
        names = read_names(self.text, after or "(?!)", self.book) if parts else []
        needed = any(arguments[name].get("required") for name in parts)
        if not names and (needed or self.book.finds("there", self.text)):
            names = self._last_names()
        return [{n: name[part] for n, part in parts.items()} for name in names]

    def _last_names(self) -> list[Phrases]:
        """Return the name in the last call that had one, with the qualifier in its result."""
        for outcome in [each for exchange in self.earlier for each in exchange.outcomes][::-1]:
            call, named = outcome.call, self.book.named(outcome.call.name)
            if any(part != "qualifier" for name, part in named.items() if name in call.arguments):
                things = self.book["thing"].values()
                rows = [row for each in things for row in rows_in(outcome.result, each).values()]
                known = {**(rows or [{}])[0], **call.arguments}
                return [name_in(", ".join(str(known[name]) for name in named if known.get(name)))]
        return []

    @cached_property
    def past_calls(self) -> list[ToolCall]:
        """The calls made for earlier questions, the last one first."""
        return [o.call for exchange in self.earlier for o in exchange.outcomes][::-1]

    def _last_arguments(self, tool: str) -> Arguments:
        return next((call.arguments for call in self.past_calls if call.name == tool), {})

    def _look_at(self, thing: Phrases) -> Seen:
        """Return what was told about things, by the search that the text asks for as well."""
        current = [self.current] if self._describes(thing) else []
        return look_at([*self.earlier, *current], thing)

    def _repeats(self, tool: str) -> bool:
        return bool(self.book["tool"].get(tool, {"again": False}).get("again", True))
