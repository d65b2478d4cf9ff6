"""What a person wants, read by rules from one text and what was said before it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from demo_model import wording
from demo_model.criteria import Criteria, read_criteria, refine
from demo_model.phrases import email_address, listing_ids, not_filtered, without_email
from demo_model.places import bare_places, places
from demo_model.references import Seen, by_pronoun, named, refers_back, superlative

Kind = Literal[
    "search", "metrics", "market", "report", "send", "show", "talk", "declined", "unclear"
]

LONGEST_TEXT = 2_000
_ASKED: tuple[Kind, ...] = ("send", "report", "market", "metrics")
LISTING_KINDS = ("metrics", "report", "send")


@dataclass(frozen=True)
class Intent:
    """One thing that a person wants.

    `ids` are the listings it is about; when there are none, `searches` may say how to find them.
    `areas` are for the market, `recipient` is an e-mail address, `topic` tells talk and refusals
    apart, `wishes` are criteria that no search supports.
    """

    kind: Kind
    ids: tuple[str, ...] = ()
    searches: tuple[Criteria, ...] = ()
    areas: tuple[str, ...] = ()
    recipient: str | None = None
    topic: str = ""
    wishes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Context:
    """What went before: the last intents, the last search, the homes seen, an address said; and
    the person's own address, where it is known."""

    previous: tuple[Intent, ...] = ()
    searches: tuple[Criteria, ...] = ()
    areas: tuple[str, ...] = ()
    seen: Seen = field(default_factory=Seen)
    recipient: str | None = None
    own_address: str | None = None

    @property
    def last_kind(self) -> Kind | None:
        """What the person wanted last."""
        return self.previous[-1].kind if self.previous else None


def interpret(text: str, context: Context) -> tuple[Intent, ...]:
    """What the text asks for, in the order of doing it; always at least one intent."""
    return _Reading(text[:LONGEST_TEXT], context).intents()


class _Reading:
    """One text on its way to intents."""

    def __init__(self, text: str, context: Context) -> None:
        self.email = email_address(text)
        self.text = _with_areas(without_email(text), context.areas)
        self.context = context
        self.criteria = read_criteria(self.text)
        self.named = named(self.text, context.seen)
        self.by_pronoun = by_pronoun(self.text, context.seen)

    def intents(self) -> tuple[Intent, ...]:
        if topic := wording.topic(wording.DECLINED, self.text):
            return (Intent("declined", topic=topic),)
        if topic := wording.topic(wording.ABOUT_ME, self.text):
            return (Intent("talk", topic=topic),)
        kinds = self.kinds()
        return tuple(self.intent(kind) for kind in kinds) or (self.leaning(),)

    def kinds(self) -> tuple[Kind, ...]:
        """The kinds that the words ask for outright."""
        kinds = [kind for kind in _ASKED if wording.ASKED[kind].search(self.text)]
        if "send" in kinds:
            return ("send",)
        if "report" in kinds:
            kinds = [kind for kind in kinds if kind != "metrics"]
        if "metrics" in kinds and not self.named and ("market" in kinds or self.asks_for_place()):
            kinds = [kind for kind in kinds if kind != "metrics"]
            kinds = kinds or ["market"]
        if not set(kinds) - {"market"} and self.searches_outright(kinds):
            kinds.insert(0, "search")
        return tuple(kinds)

    def asks_for_place(self) -> bool:
        """True for "how is Portland doing": a place, but no homes."""
        about_homes = self.by_pronoun or wording.HOMES.search(self.text)
        return not about_homes and bool(places(self.text, loosely=True))

    def searches_outright(self, kinds: list[Kind]) -> bool:
        if kinds:
            return bool(wording.FIND_HOMES.search(self.text))
        homes = wording.HOMES.search(self.text)
        verb = wording.FIND.search(self.text)
        by_place = bool(homes or verb) and (self.has_criteria or bool(homes))
        pointing = bool(self.named) and not self.has_place
        return not pointing and (by_place or self.has_limits) and not self.only_pointing

    @property
    def only_pointing(self) -> bool:
        return bool(self.by_pronoun) and not self.has_criteria

    @property
    def has_criteria(self) -> bool:
        return any(criteria.arguments for criteria in self.criteria)

    @property
    def has_place(self) -> bool:
        return any(criteria.place.area for criteria in self.criteria)

    @property
    def has_limits(self) -> bool:
        """True when the text says more about the homes than where they are."""
        return any(criteria.arguments.keys() - {"city", "state"} for criteria in self.criteria)

    def leaning(self) -> Intent:
        """The intent of a text that makes sense only after what was said before."""
        last = self.context.last_kind
        addressed = self.email or wording.JUST_TO_ME.search(self.text)
        if addressed and (last == "send" or not self.text.strip()):
            return self.intent("send")
        if listing_ids(self.text):
            return self.intent(self.again)
        if topic := wording.topic(wording.SMALL_TALK, self.text):
            return Intent("talk", topic=topic)
        if self.named or (last and refers_back(self.text)):
            return self.intent(self.again)
        if self.has_place and self.follows():
            return self.intent("market" if last == "market" else "search")
        return Intent("unclear")

    @property
    def again(self) -> Kind:
        """What was wanted last, of other homes; but nothing is sent by asking to see it."""
        last = self.context.last_kind
        if last is None or last not in LISTING_KINDS:
            return "show"
        return "show" if last == "send" and wording.SHOWING.search(self.text) else last

    @property
    def has_state(self) -> bool:
        return any(criteria.state for criteria in self.criteria)

    def follows(self) -> bool:
        """True when a place alone is enough to go on with what was asked last."""
        if not bare_places(self.text):
            return False
        following = self.context.previous and wording.FOLLOWING.search(self.text)
        return bool(self.has_state or following or self.context.last_kind in ("search", "market"))

    def intent(self, kind: Kind) -> Intent:
        if kind == "market":
            return Intent(kind, areas=self.areas())
        if kind == "search":
            return Intent(
                kind, searches=self.searches(), topic=superlative(self.text), wishes=self.wishes()
            )
        ids, searches = self.target(kind)
        recipient = self.recipient() if kind == "send" else None
        if kind == "report" and ids and not wording.REPORTING.search(self.text):
            kind = "show"
        return Intent(
            kind, ids, searches, recipient=recipient, wishes=self.wishes() if searches else ()
        )

    def recipient(self) -> str | None:
        """The address meant, the latest said or, with "to me", the person's own."""
        own = self.context.own_address if wording.TO_ME.search(self.text) else None
        return self.email or own or self.context.recipient

    def wishes(self) -> tuple[str, ...]:
        return not_filtered(self.text)

    def target(self, kind: Kind) -> tuple[tuple[str, ...], tuple[Criteria, ...]]:
        """The listings meant, or else the searches that find them, or neither."""
        if listing_ids(self.text) or (self.named and not self.has_place):
            return self.named, ()
        if self.has_criteria:
            return (), self.searches()
        return self.by_pronoun or (() if refers_back(self.text) else self.unsaid(kind)), ()

    def unsaid(self, kind: Kind) -> tuple[str, ...]:
        """The listings meant by a reply to our question, or by a sentence too short to say."""
        last = self.context.previous[-1] if self.context.previous else None
        if last and last.kind == kind and last.ids:
            return last.ids
        bare = kind == "send" or len(self.text.split()) <= 4
        return self.context.seen.focus if bare else ()

    def searches(self) -> tuple[Criteria, ...]:
        homes = wording.HOMES.search(self.text)
        whole = homes or (self.has_place and self.has_limits)
        refining = wording.REFINING.search(self.text) or not whole
        earlier = self.context.searches
        return refine(earlier, self.criteria) if refining and earlier else self.criteria

    def areas(self) -> tuple[str, ...]:
        found = places(self.text, loosely=True) or bare_places(self.text)
        return tuple(place.area for place in found) or self.context.areas


def _with_areas(text: str, areas: tuple[str, ...]) -> str:
    """The text with "there" spelt out as the areas talked of last."""
    return wording.THERE.sub(f"in {' and '.join(areas)}", text) if areas else text
