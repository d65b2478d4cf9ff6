"""The model's next turn: which tools to call, and when none is left to call, the answer."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from demo_model import answers, talk
from demo_model.conversation import Exchange, exchanges, own_address
from demo_model.intents import Context, Intent, interpret
from demo_model.phrases import email_address
from demo_model.protocol import Message, ToolCall, Turn
from demo_model.references import Seen
from demo_model.results import FIND, MARKET, METRICS, REPORT, SEND, FoundListings

LISTING_TOOLS = {"metrics": METRICS, "report": REPORT, "show": REPORT, "send": SEND}


def next_turn(messages: Sequence[Message], offered: Collection[str]) -> Turn:
    """What to say and call now, from the conversation and the tools on offer alone."""
    conversation = exchanges(messages)
    if not conversation:
        return Turn(talk.TEXTS["greeting"])
    *earlier, current = conversation
    context = _context(earlier, own_address(messages))
    intents = interpret(current.question, context)
    # From what was seen before this question only: its own results must not change its calls.
    planned = (call for intent in intents for call in _calls(intent, current, context.seen))
    wanted = _fresh(planned, current)
    calls = tuple(call for call in wanted if call.name in offered)
    if calls:
        return Turn(talk.before(calls, again=bool(current.outcomes)), calls)
    seen = _seen_after(context.seen, current)
    return Turn(answers.compose(intents, current, seen, [call.name for call in wanted]))


def _context(earlier: Iterable[Exchange], own: str | None) -> Context:
    context = Context(own_address=own)
    for exchange in earlier:
        context = _context_after(context, exchange)
    return context


def _context_after(context: Context, exchange: Exchange) -> Context:
    intents = interpret(exchange.question, context)
    searches = next((intent.searches for intent in intents if intent.searches), context.searches)
    seen = _seen_after(context.seen, exchange)
    named = [area for intent in intents for area in intent.areas]
    searched = [c.place.area for intent in intents for c in intent.searches if c.place.area]
    shown = dict.fromkeys(f"{home.city}, {home.state}" for home in exchange.listings)
    areas = tuple(named or searched or shown) or context.areas
    recipient = email_address(exchange.question) or context.recipient
    return Context(intents, searches, areas, seen, recipient, context.own_address)


def _seen_after(seen: Seen, exchange: Exchange) -> Seen:
    listings = {home.listing_id: home for home in (*seen.listings, *exchange.listings)}
    searched = any(isinstance(result, FoundListings) for result in exchange.results)
    talked_of = exchange.listing_ids
    if not exchange.outcomes:
        talked_of = tuple(name for name in talked_of if name in listings)
    return Seen(
        listings=tuple(listings.values()),
        table=exchange.listings if exchange.listings or searched else seen.table,
        # After a search that found nothing, "them" is nobody, not the homes of an older search.
        focus=talked_of if talked_of or searched else seen.focus,
    )


def _fresh(calls: Iterable[ToolCall], current: Exchange) -> list[ToolCall]:
    """The calls not made yet, each once: a call that failed is not made again."""
    fresh: list[ToolCall] = []
    made = [outcome.call for outcome in current.outcomes]
    for call in calls:
        if call not in made and call not in fresh:
            fresh.append(call)
    return fresh


def _calls(intent: Intent, current: Exchange, seen: Seen) -> list[ToolCall]:
    if intent.kind == "market":
        return [ToolCall(MARKET, {"area": _full_area(area, seen)}) for area in intent.areas]
    finds = [ToolCall(FIND, criteria.arguments) for criteria in intent.searches]
    if intent.kind in LISTING_TOOLS and not _fresh(finds, current):
        ids = intent.ids or tuple(home.listing_id for home in current.listings if finds)
        return finds + _listing_calls(intent, ids, seen)
    return finds


def _listing_calls(intent: Intent, ids: tuple[str, ...], seen: Seen) -> list[ToolCall]:
    known = {home.listing_id for home in seen.listings}
    arguments: dict[str, object] = {"listingIds": list(ids)}
    if not ids or (intent.kind == "show" and known.issuperset(ids)):
        return []
    if intent.kind == "send":
        if not intent.recipient:
            return []
        arguments["recipientEmail"] = intent.recipient
    return [ToolCall(LISTING_TOOLS[intent.kind], arguments)]


def _full_area(area: str, seen: Seen) -> str:
    """The city with its state, when a home seen before tells it."""
    cities = {
        home.city.lower(): f"{home.city}, {home.state}" for home in seen.listings if home.state
    }
    return cities.get(area.lower(), area)
