"""The getMarketAnalysis tool."""

from __future__ import annotations

from typing import Any

import pytest

from tests.tool_services.support.services import Service
from tool_services.analytics.listings_client import Market
from tool_services.analytics.market_analysis import MarketAnalysis


@pytest.mark.engines
@pytest.mark.parametrize(
    "figures",
    [
        ("Portland, OR", 785000, 8.5, 22, 156, 89, 34, "High", "Up", "Hot"),
        ("Seattle, WA", 920000, 12.3, 18, 234, 145, 52, "High", "Up", "Hot"),
        ("Bellevue, WA", 1150000, 6.7, 25, 87, 48, 19, "Medium", "Up", "Warm"),
        ("Kirkland, WA", 985000, 4.2, 28, 65, 34, 15, "Medium", "Stable", "Warm"),
        ("Redmond, WA", 1075000, 9.1, 21, 92, 56, 22, "High", "Up", "Hot"),
    ],
    ids=lambda figures: str(figures[0]),
)
def test_a_market_is_described_by_its_figures_and_trends(
    analytics: Service, figures: tuple[Any, ...]
) -> None:
    result = analytics.call("getMarketAnalysis", {"area": figures[0]}).result
    trends = result.pop("trends")
    assert (*result.values(), *trends.values()) == figures


def test_an_unknown_area_is_answered_with_known_ones(analytics: Service) -> None:
    answer = analytics.call("getMarketAnalysis", {"area": "Boise"})
    assert (answer.status, answer.code) == (422, "unknown_area")
    assert "Portland, OR" in answer.message


def analysis(**changed: Any) -> MarketAnalysis:
    figures = {
        "area": "Bend, OR",
        "averagePrice": 500_000,
        "previousAveragePrice": 500_000,
        "averageTimeOnMarket": 50,
        "totalListings": 100,
        "soldListings": 60,
        "pendingListings": 20,
    }
    return MarketAnalysis.of(Market.model_validate(figures | changed))


def test_without_an_earlier_year_there_is_no_change() -> None:
    new = analysis(previousAveragePrice=None)
    assert (new.price_change_percent, new.trends.price_direction) == (None, "Stable")


@pytest.mark.parametrize(
    ("previous", "direction"), [(525_000, "Stable"), (600_000, "Down"), (400_000, "Up")]
)
def test_a_change_of_less_than_five_percent_is_stable(previous: int, direction: str) -> None:
    assert analysis(previousAveragePrice=previous).trends.price_direction == direction


@pytest.mark.parametrize(
    ("days", "sold", "competition", "activity"),
    [
        *((20, 60, "High", "Hot"), (24, 60, "High", "Warm"), (20, 10, "Medium", "Hot")),
        *((45, 60, "Medium", "Warm"), (46, 60, "Low", "Cool")),
    ],
)
def test_competition_and_activity_follow_the_days_on_the_market(
    days: int, sold: int, competition: str, activity: str
) -> None:
    found = analysis(averageTimeOnMarket=days, soldListings=sold)
    assert (found.competition_level, found.trends.market_activity) == (competition, activity)
