"""What the words of a question say, and what they stand for in the conversation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

from demo_model.conversation import EMAIL, Exchange
from demo_model.names import Name, read_names
from demo_model.phrasebook import Phrasebook, Phrases, compiled
from demo_model.protocol import ToolCall
from demo_model.sentences import is_number
from demo_model.spelling import corrected
from demo_model.things import Seen, ids_in, look_at, pointed_at
from demo_model.values import READ, read_values

LONGEST_TEXT = 2_000
Arguments = dict[str, Any]


@dataclass
class Question:
    """A question, with what went before, what is under way, and who asks."""

    asked: str
    book: Phrasebook
    earlier: Sequence[Exchange]
    current: Exchange
    own_address: str = ""

    def __post_init__(self) -> None:
        text = corrected(self.asked[:LONGEST_TEXT], self.book)
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

    def places(self, patterns: Iterable[str]) -> list[int]:
        """Where the text has the patterns."""
        found = (compiled(pattern).search(self.text) for pattern in patterns)
        return [match.start() for match in found if match]

    def last_arguments(self, tool: str) -> Arguments:
        """The arguments of the tool's last call."""
        return next((call.arguments for call in self.past_calls if call.name == tool), {})

    def arguments(self, tool: str, bare: bool = True) -> list[Arguments]:
        """The arguments of each call, as far as the text names them.

        If not `bare`, what "them" and the like stand for isn't taken.
        """
        rest, values = self.text, dict[str, list[Any]]()
        for name, argument in self.book.arguments(tool).items():
            shifted = self._shifted(self.last_arguments(tool).get(name), argument)
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

    def limits(self, thing: Phrases) -> bool:
        """Whether the text says more about things than their place in a list."""
        arguments = self.book.arguments(thing["find"]).items()
        order = {name for name, argument in arguments if argument.get("order")}
        return any(said.keys() - order for said in self.arguments(thing["find"]))

    def address(self, tool: str) -> Arguments:
        """The e-mail address that the tool needs, if it was said before or is that of "me"."""
        said = [a for each in self.earlier for a in EMAIL.findall(each.question)]
        known = [self.own_address] if self.book.finds("me", self.text) else []
        address = next(filter(None, [*known, *said[::-1]]), "")
        arguments = self.book.arguments(tool).items()
        return {n: address for n, a in arguments if a.get("format") == "email" and address}

    def names(self, after: str = "") -> list[Name]:
        """The proper names in the text; `after` are more words that they stand behind."""
        return read_names(EMAIL.sub(READ, self.text), self.book, after)

    def _shifted(self, value: Any, argument: Phrases) -> int | None:
        """A value relative to the last call's, or to its results: "cheaper", "bigger"."""
        seen = self.seen.values()
        rows = [each.known[name] for each in seen for name in each.listed]
        for shift in argument.get("shift", ()):
            if self.places([shift["words"]]):
                sizes = [size for row in rows if is_number(size := row.get(shift["by"]))]
                value = value or (max if shift["pick"] == "max" else min)(sizes, default=None)
                if is_number(value):
                    return round(value * float(shift.get("times", 1)) + int(shift.get("plus", 0)))
        return None

    def _ids(self, argument: Phrases, bare: bool) -> list[str]:
        """The things meant: by id, by their place in a list or in a search, or as "them"."""
        thing, seen = self.book["thing"][argument["thing"]], self.seen[argument["thing"]]
        if said := ids_in(self.text, thing):
            return said
        limits = self.limits(thing)
        if bare and limits:
            seen = look_at([*self.earlier, self.current], thing)
        pointed = pointed_at(self.text, self.book, thing, seen)
        if bare and limits:
            found = list(look_at([self.current], thing).known)
            return found if pointed is None else [name for name in pointed if name in found]
        if pointed is not None and not limits:
            return pointed
        short = len(self.text.split()) <= 4 or argument.get("last")
        return seen.focus if bare and (short or self.book.finds("pronoun", self.text)) else []

    def _named(self, tool: str) -> list[Arguments]:
        """The arguments that are proper names, a set for each of the names."""
        parts = self.book.named(tool)
        after = [a["after"] for a in self.book.arguments(tool).values() if "after" in a]
        names = self.names("|".join(after)) if parts else []
        if parts and not names and self.book["tool"][tool].get("keeps_names"):
            names = [Name(whole) for whole in self.last_names]
        if "whole" in parts.values():
            names = list(map(self._qualified, names))
        sets = [{n: getattr(name, part) for n, part in parts.items()} for name in names]
        return [{n: value for n, value in each.items() if value} for each in sets]

    def _qualified(self, name: Name) -> Name:
        """The name with what tells it apart, when something seen before has both."""
        first, second = self.book["names"].get("fields", ("", ""))
        rows = [row for seen in self.seen.values() for row in seen.known.values()]
        found = (r[second] for r in rows if r.get(first) == name.name and r.get(second))
        return name if name.qualifier else Name(name.name, next(found, ""))
