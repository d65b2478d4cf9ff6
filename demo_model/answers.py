"""The answer in Markdown, composed from the tools' results alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from demo_model import talk
from demo_model.conversation import Exchange, Outcome
from demo_model.figures import (
    bullets,
    counted,
    dollars,
    inline,
    percent,
    plain,
    rate,
    table,
)
from demo_model.intents import Intent
from demo_model.references import Seen, pick
from demo_model.results import (
    FIND,
    MARKET,
    METRICS,
    REPORT,
    SEND,
    Figures,
    FoundListings,
    Listing,
    ListingMetrics,
    MarketAnalysis,
    PerformanceReport,
    SentReport,
)

LONGEST_LIST = 3
_TASKS = {
    FIND: "search for homes",
    SEND: "send the listings",
    METRICS: "look up the figures",
    MARKET: "look up the market",
    REPORT: "make the report",
}


def compose(
    intents: Sequence[Intent], current: Exchange, seen: Seen, missing: Sequence[str]
) -> str:
    """The whole answer: what the tools said, what could not be done, and what to ask next."""
    blocks = [_outcome(outcome, seen) for outcome in current.outcomes]
    blocks += [talk.unavailable(name) for name in dict.fromkeys(missing)]
    blocks += [_remark(intent, current, seen, bool(missing)) for intent in intents]
    blocks.append(_closing(current))
    return "\n\n".join(filter(None, blocks)).strip()


def _outcome(outcome: Outcome, seen: Seen) -> str:
    if outcome.error:
        return f"I couldn't {_TASKS.get(outcome.call.name, 'do that')}: {inline(outcome.error)}"
    match outcome.result:
        case FoundListings() as found:
            return _search(outcome.call.arguments, found)
        case ListingMetrics() as metrics:
            return _metrics(metrics, seen)
        case MarketAnalysis() as market:
            return _market(market)
        case PerformanceReport() as report:
            return _report(report)
        case SentReport() as sent:
            return _sent(sent)
    return ""


def _search(arguments: dict[str, Any], found: FoundListings) -> str:
    homes, wanted = counted(found.total, "home"), _criteria(arguments)
    if not found.listings:
        return f"I found **no homes**{wanted}.\n\n{_looser(arguments)}"
    shown = len(found.listings)
    part = f" Here are {shown:,} of them:" if shown < found.total else ""
    return f"I found **{homes}**{wanted}{'.' if part else ':'}{part}\n\n{_listings(found.listings)}"


def _criteria(arguments: dict[str, Any]) -> str:
    """The search in words, read from the call that was made rather than from the question."""
    area = ", ".join(str(arguments[key]) for key in ("city", "state") if key in arguments)
    beds, price = arguments.get("minBedrooms"), arguments.get("maxPrice")
    words = [
        f"in {inline(area)}" if area else "",
        f"with at least {counted(int(beds), 'bedroom')}" if beds else "",
        f"for up to {dollars(price)}" if price else "",
        f"with the status {inline(str(arguments['status']))}" if "status" in arguments else "",
    ]
    return "".join(f" {word}" for word in words if word)


def _looser(arguments: dict[str, Any]) -> str:
    ways = {
        "maxPrice": "a higher price",
        "minBedrooms": "fewer bedrooms",
        "status": "another status",
        "city": "another city",
        "state": "another state",
    }
    chosen = [way for key, way in ways.items() if key in arguments]
    return f"Try {' or '.join(chosen)}." if chosen else ""


def _listings(listings: Iterable[Listing]) -> str:
    rows = [
        (
            home.listing_id,
            _address(home),
            dollars(home.price),
            plain(home.bedrooms),
            plain(home.bathrooms),
            home.status,
        )
        for home in listings
    ]
    return table("ID Address Price> Beds> Baths> Status", rows)


def _address(home: Listing) -> str:
    return ", ".join(filter(None, (home.address, home.city, home.state)))


def _metrics(found: ListingMetrics, seen: Seen) -> str:
    addresses = {home.listing_id: home.address for home in seen.listings}
    titled = [(_title(item.listing_id, addresses), item) for item in found.metrics]
    if len(titled) > LONGEST_LIST:
        body = _figures_table(titled)
    else:
        body = "\n\n".join(f"**{title}**\n\n{_figures(item)}" for title, item in titled)
    opening = f"Here is how {'it is' if len(titled) == 1 else 'they are'} doing:"
    best = max(found.metrics, key=lambda item: item.conversion_rate or 0, default=None)
    if not best:
        return "There are no figures for these listings."
    rest = f"**{best.listing_id}** converts best, at **{rate(best.conversion_rate)}**."
    return "\n\n".join([opening, body, *([rest] if len(titled) > 1 else [])])


def _title(listing_id: str, addresses: dict[str, str]) -> str:
    address = addresses.get(listing_id)
    return inline(f"{listing_id} · {address}" if address else listing_id)


def _figures(item: Figures) -> str:
    return bullets(
        [
            f"**{plain(item.page_views)}** page views, **{plain(item.saves)}** saves, "
            f"**{plain(item.inquiries)}** inquiries",
            f"**{rate(item.click_through_rate)}** click-through rate, "
            f"**{rate(item.conversion_rate)}** conversion rate",
            f"**{plain(item.days_on_market)}** days on the market",
        ]
    )


def _figures_table(titled: Iterable[tuple[str, Figures]]) -> str:
    rows = [
        (
            title,
            plain(item.page_views),
            plain(item.saves),
            plain(item.inquiries),
            rate(item.click_through_rate),
            rate(item.conversion_rate),
            plain(item.days_on_market),
        )
        for title, item in titled
    ]
    return table("Listing Views> Saves> Inquiries> Click-through> Conversion> Days> ", rows)


def _market(market: MarketAnalysis) -> str:
    lines = [
        f"Average price: **{dollars(market.average_price)}** "
        f"({percent(market.price_change_percent, sign=True)})",
        f"Average time on the market: **{plain(market.average_days_on_market)} days**",
        f"Listings: **{plain(market.total_listings)}**, of which "
        f"**{plain(market.sold_listings)}** sold and **{plain(market.pending_listings)}** pending",
        f"Competition: **{inline(market.competition_level)}**",
        f"Prices: **{inline(market.trends.price_direction)}**, "
        f"activity: **{inline(market.trends.market_activity)}**",
    ]
    return f"Here is the market in **{inline(market.area)}**:\n\n{bullets(lines)}"


def _report(report: PerformanceReport) -> str:
    summary = report.summary
    lines = [
        f"Page views: **{plain(summary.total_views)}**",
        f"Inquiries: **{plain(summary.total_inquiries)}**",
        f"Average time on the market: **{plain(summary.average_days_on_market)} days**",
    ]
    if top := summary.top_performer:
        address = f", {inline(top.address)}" if top.address else ""
        lines.append(
            f"Top performer: **{inline(top.listing_id)}**{address}, "
            f"converting at **{rate(top.conversion_rate)}**"
        )
    blocks = ["Here is the performance report.", "### Summary", bullets(lines)]
    if report.listings:
        figures = [(home.listing_id, home.metrics) for home in report.listings if home.metrics]
        blocks += ["### Listings", _listings(report.listings)]
        blocks += [_figures_table(figures)] if figures else []
    if summary.recommendations:
        blocks += ["### Recommendations", bullets(map(inline, summary.recommendations))]
    return "\n\n".join(blocks)


def _sent(sent: SentReport) -> str:
    homes, recipient = talk.in_words(sent.listing_ids), inline(sent.recipient_email)
    if sent.sent:
        return f"The report about **{homes}** was sent to **{recipient}**."
    if sent.delivery == "outbox":
        return (
            f"The report about **{homes}** is in your outbox. It was **not** sent to {recipient}: "
            "no mail server is set up."
        )
    return f"The report about {homes} was **not** sent to {recipient}."


def _remark(intent: Intent, current: Exchange, seen: Seen, blocked: bool) -> str:
    """What an intent needs said besides the tools' results."""
    match intent.kind:
        case "talk":
            return talk.TEXTS[intent.topic]
        case "declined":
            return talk.declined(intent.topic)
        case "unclear":
            return talk.UNCLEAR
        case "search":
            return "\n\n".join(filter(None, (_picked(intent, current), _unheeded(intent, current))))
        case "market":
            return "" if intent.areas else talk.WHICH_AREA
    return "" if blocked else _listing_remark(intent, current, seen)


def _listing_remark(intent: Intent, current: Exchange, seen: Seen) -> str:
    if not intent.ids and not current.listings:
        return "" if intent.searches else talk.WHICH_HOMES
    if intent.kind == "send" and not intent.recipient:
        ids = intent.ids or [home.listing_id for home in current.listings]
        return talk.WHICH_ADDRESS.format(homes=talk.in_words(ids))
    if intent.kind == "show" and not current.outcomes:
        homes = [home for home in seen.listings if home.listing_id in intent.ids]
        return f"{'Here it is' if len(homes) == 1 else 'Here they are'}:\n\n{_listings(homes)}"
    return ""


def _picked(intent: Intent, current: Exchange) -> str:
    homes = pick(intent.topic, current.listings) if intent.topic else ()
    if not homes:
        return ""
    names = talk.in_words([f"**{home.listing_id}** ({inline(home.address)})" for home in homes])
    return f"The {intent.topic} {'is' if len(homes) == 1 else 'are'} {names}."


def _unheeded(intent: Intent, current: Exchange) -> str:
    if not intent.wishes or not current.results:
        return ""
    return f"Note that I can't search by {talk.in_words(intent.wishes, 'or')}, so I left that out."


def _closing(current: Exchange) -> str:
    """What to ask next, after the last result."""
    match current.results[-1:]:
        case (FoundListings(listings=(_, *_)),):
            return (
                "Ask *how are those doing?* to see their figures, narrow the search by price, "
                "bedrooms or status, or say *send them to* with an e-mail address."
            )
        case (ListingMetrics(),):
            return "For recommendations, ask for a *performance report*."
        case (MarketAnalysis(),):
            return "Ask for *homes there* to see what is on offer, or name another area to compare."
        case (PerformanceReport(),):
            return "I can also *send* these listings to an e-mail address."
    return ""
