"""Advice composed by rules from the figures of some listings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tool_services.analytics.listing_metrics import Metrics
from tool_services.listings.home import Home

LONG_DAYS_ON_MARKET = 30
LOW_CLICK_THROUGH_RATE = 0.025
LOW_CONVERSION_RATE = 0.08
STRONG_CONVERSION_RATE = 0.11


@dataclass(frozen=True)
class Performance:
    """A home and how it is doing."""

    home: Home
    figures: Metrics


_Rule = tuple[Callable[[Metrics], bool], str]

_RULES: list[_Rule] = [
    (
        lambda figures: figures.days_on_market > LONG_DAYS_ON_MARKET,
        f"Review the asking price of {{homes}}: over {LONG_DAYS_ON_MARKET} days on the market.",
    ),
    (
        lambda figures: figures.click_through_rate < LOW_CLICK_THROUGH_RATE,
        "Renew the photos and headline of {homes}: "
        f"fewer than {LOW_CLICK_THROUGH_RATE:.1%} of those who see the listing open it.",
    ),
    (
        lambda figures: figures.conversion_rate < LOW_CONVERSION_RATE,
        "Offer viewings and a fuller description for {homes}: "
        f"the conversion rate is below {LOW_CONVERSION_RATE:.0%}.",
    ),
    (
        lambda figures: figures.conversion_rate >= STRONG_CONVERSION_RATE,
        "Answer inquiries about {homes} first: "
        f"the conversion rate is {STRONG_CONVERSION_RATE:.0%} or more.",
    ),
]


def recommendations(performances: Sequence[Performance]) -> list[str]:
    """One sentence for each rule that some unsold home meets; at least one sentence in all."""
    unsold = [one for one in performances if one.home.status != "Sold"]
    if not unsold:
        return ["All of these homes are sold: use them as examples when pricing similar ones."]
    sentences = [
        advice.format(homes=", ".join(f"{one.home.address} ({one.home.listing_id})" for one in met))
        for meets, advice in _RULES
        if (met := [one for one in unsold if meets(one.figures)])
    ]
    return sentences or ["Carry on as before: no figure of these listings stands out."]
