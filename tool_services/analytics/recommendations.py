"""Advice by rules from the metrics of some listings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tool_services.analytics.listings_client import Home
from tool_services.analytics.metrics import Metrics

LONG_TIME_ON_MARKET = 30
LOW_CLICK_THROUGH_PERCENT = 2.5
LOW_CONVERSION_PERCENT = 8
STRONG_CONVERSION_PERCENT = 11


@dataclass(frozen=True)
class Performance:
    """A home and its metrics."""

    home: Home
    metrics: Metrics


_Rule = tuple[Callable[[Metrics], bool], str]

_RULES: list[_Rule] = [
    (
        lambda metrics: metrics.days_on_market > LONG_TIME_ON_MARKET,
        f"Review the asking price of {{homes}}: over {LONG_TIME_ON_MARKET} days on the market.",
    ),
    (
        lambda metrics: metrics.click_through_percent < LOW_CLICK_THROUGH_PERCENT,
        "Renew the photos and headline of {homes}: "
        f"fewer than {LOW_CLICK_THROUGH_PERCENT:g} % of those who see the listing open it.",
    ),
    (
        lambda metrics: metrics.conversion_percent < LOW_CONVERSION_PERCENT,
        "Offer viewings and a fuller description for {homes}: "
        f"the conversion rate is below {LOW_CONVERSION_PERCENT} %.",
    ),
    (
        lambda metrics: metrics.conversion_percent >= STRONG_CONVERSION_PERCENT,
        "Answer inquiries about {homes} first: "
        f"the conversion rate is {STRONG_CONVERSION_PERCENT} % or more.",
    ),
]


def recommendations(performances: Sequence[Performance]) -> list[str]:
    """Return a sentence for each rule that applies to a home which isn't sold, at least one."""
    unsold = [performance for performance in performances if performance.home.status != "Sold"]
    if not unsold:
        return ["All of these homes are sold: use them as examples when pricing similar ones."]
    sentences = [
        advice.format(homes=_names(matching))
        for applies, advice in _RULES
        if (matching := [each.home for each in unsold if applies(each.metrics)])
    ]
    return sentences or ["Carry on as before: no figure of these listings stands out."]


def _names(homes: Sequence[Home]) -> str:
    return ", ".join(f"{home.address} ({home.listing_id})" for home in homes)
