"""The market figures of an area, for other services, and the names that an area may be given."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from urllib.parse import quote

import pytest
from sqlalchemy import delete

from tests.tool_services.support.services import Answer, Service
from tool_services.listings.models import Area, ListingHistory, db

# On PostgreSQL as well.
pytestmark = pytest.mark.engines


def market(listings: Service, area: str) -> Answer:
    return listings.get(f"/market?area={quote(area)}")


@pytest.mark.parametrize(
    "area",
    [
        *("portland, or", "PORTLAND,OR", " Portland OR ", "Portland", "Portland, Oregon"),
        "portland-or",
    ],
)
def test_an_area_is_understood_as_people_write_it(listings: Service, area: str) -> None:
    assert market(listings, area).body["area"] == "Portland, OR"


@pytest.mark.parametrize("area", ["Portland, ME", "OR", "Oregon", "Boise", ",", "'; --"])
def test_an_unknown_area_is_answered_with_known_ones(listings: Service, area: str) -> None:
    answer = market(listings, area)
    assert (answer.status, answer.code) == (422, "unknown_area")
    assert repr(area) in answer.message
    assert "Portland, OR" in answer.message


def test_a_misspelt_area_is_answered_with_the_similar_one_alone(listings: Service) -> None:
    answer = market(listings, "Kirkand, Washington")
    assert answer.message.endswith(": Kirkland, WA.")


def test_a_city_in_two_states_needs_its_state(listings: Service) -> None:
    in_maine = {"City": "Portland", "CityKey": "portland", "StateOrProvince": "ME"}
    with listings.app.app_context():
        db.session.add(Area(**in_maine))
        db.session.add(
            ListingHistory(
                **in_maine,
                ListingId="ME1",
                ListPrice=500_000,
                StandardStatus="Active",
                OnMarketDate=date(2024, 1, 1),
                DaysOnMarket=60,
            )
        )
        db.session.commit()
    answer = market(listings, "Portland")
    assert (answer.status, answer.code) == (422, "unknown_area")
    assert "Portland, ME; Portland, OR" in answer.message
    assert market(listings, "Portland, Maine").body["area"] == "Portland, ME"


def test_prices_come_by_quarter_and_by_band(listings: Service) -> None:
    figures = market(listings, "Portland").body
    assert figures["quarters"][0]["name"] == "Q1 22"
    bands = figures["priceBands"]
    assert sum(band["homes"] for band in bands) == figures["totalListings"] == 156
    widths = {after["lowest"] - band["lowest"] for band, after in pairwise(bands)}
    assert len(widths) == 1


def test_an_area_without_an_earlier_year_has_no_earlier_price(listings: Service) -> None:
    with listings.app.app_context():
        db.session.execute(
            delete(ListingHistory).where(ListingHistory.OnMarketDate < date(2023, 1, 15))
        )
        db.session.commit()
    assert market(listings, "Seattle, WA").body["previousAveragePrice"] is None
