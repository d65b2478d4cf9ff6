from __future__ import annotations

from typing import Any

import pytest

from tests.tool_services.conftest import Answer, World
from tool_services.analytics.models import ListingMetrics, MarketArea, db


def test_metrics_are_the_figures_of_each_listing_in_the_order_asked(world: World) -> None:
    result = world.analytics.call("getListingMetrics", {"listingIds": ["L008", "l001"]}).result
    assert [one["listingId"] for one in result["metrics"]] == ["L008", "L001"]
    assert result["metrics"][1] == {
        "listingId": "L001",
        "pageViews": 1250,
        "saves": 45,
        "inquiries": 12,
        "timeOnMarket": 15,
        "clickThroughRate": 0.034,
        "conversionRate": 0.096,
        "lastUpdated": "2024-01-15T10:30:00Z",
    }


def test_metrics_of_unknown_listings_are_refused_by_name(world: World) -> None:
    answer = world.analytics.call("getListingMetrics", {"listingIds": ["L001", "L777"]})
    assert (answer.status, answer.code) == (422, "unknown_listing")
    assert answer.message.startswith("No listing has the id L777. Ids look like L001;")


def market(world: World, area: str) -> Answer:
    return world.analytics.call("getMarketAnalysis", {"area": area})


def test_a_market_is_described_by_its_figures_and_trends(world: World) -> None:
    assert market(world, "Portland, OR").result == {
        "area": "Portland, OR",
        "averagePrice": 785000,
        "priceChange": 8.5,
        "averageTimeOnMarket": 22,
        "totalListings": 156,
        "soldListings": 89,
        "pendingListings": 34,
        "competitionLevel": "High",
        "trends": {"priceDirection": "Up", "marketActivity": "Hot"},
    }


@pytest.mark.parametrize(
    "area",
    ["portland, or", "PORTLAND,OR", " Portland OR ", "Portland", "Portland, Oregon", "portland-or"],
)
def test_an_area_is_understood_as_people_write_it(world: World, area: str) -> None:
    assert market(world, area).result["area"] == "Portland, OR"


@pytest.mark.parametrize("area", ["Portland, ME", "OR", "Oregon", "Boise", ",", "'; --"])
def test_an_unknown_area_is_answered_with_those_there_are(world: World, area: str) -> None:
    answer = market(world, area)
    assert (answer.status, answer.code) == (422, "unknown_area")
    assert answer.message.endswith(
        "The areas known are: Bellevue, WA; Kirkland, WA; Portland, OR; Redmond, WA; Seattle, WA."
    )


def test_a_city_in_two_states_needs_its_state(world: World) -> None:
    with world.analytics.app.app_context():
        figures = {
            column.name: getattr(db.session.get_one(MarketArea, "Portland, OR"), column.name)
            for column in MarketArea.__table__.columns
        }
        db.session.add(MarketArea(**figures | {"Area": "Portland, ME"}))
        db.session.commit()
    answer = market(world, "Portland")
    assert (answer.status, answer.code) == (422, "unknown_area")
    assert "Portland, ME; Portland, OR. Add the state." in answer.message
    assert market(world, "Portland, Maine").result["area"] == "Portland, ME"


def report(world: World, *listing_ids: str) -> Any:
    arguments = {"listingIds": list(listing_ids)}
    return world.analytics.call("generatePerformanceReport", arguments).result


def test_a_report_sums_up_the_figures_of_its_listings(world: World) -> None:
    summary = report(world, "L001", "L004", "L009")["summary"]
    assert summary["totalViews"] == 1250 + 650 + 2350
    assert summary["totalInquiries"] == 12 + 4 + 28
    assert summary["averageTimeOnMarket"] == (15 + 45 + 6) / 3
    assert summary["topPerformer"] == {
        "listingId": "L009",
        "conversionRate": 0.126,
        "address": "369 Ash Boulevard, Seattle, WA 98103",
    }


def test_an_average_that_does_not_come_out_even_is_rounded(world: World) -> None:
    summary = report(world, "L001", "L002", "L003", "L004", "L005", "L006", "L007")["summary"]
    assert summary["averageTimeOnMarket"] == 21.9  # (15+23+8+45+12+31+19) / 7 = 21.857…


def test_a_report_shows_each_home_with_its_metrics_in_the_order_asked(world: World) -> None:
    lines = report(world, "L003", "L001")["listings"]
    assert [line["listingId"] for line in lines] == ["L003", "L001"]
    assert lines[1] == {
        "listingId": "L001",
        "address": "123 Oak Street, Portland, OR 97201",
        "price": 825000,
        "bedrooms": 3,
        "bathrooms": 2,
        "status": "Active",
        "metrics": {
            "pageViews": 1250,
            "saves": 45,
            "inquiries": 12,
            "timeOnMarket": 15,
            "clickThroughRate": 0.034,
            "conversionRate": 0.096,
            "lastUpdated": "2024-01-15T10:30:00Z",
        },
    }


def test_a_report_recommends_what_the_figures_call_for(world: World) -> None:
    assert report(world, "L001", "L004", "L009", "L012")["summary"]["recommendations"] == [
        "Review the asking price of 321 Cedar Lane (L004), 963 Juniper Drive (L012): "
        "over 30 days on the market.",
        "Renew the photos and headline of 321 Cedar Lane (L004): "
        "fewer than 2.5% of those who see the listing open it.",
        "Offer viewings and a fuller description for 321 Cedar Lane (L004), "
        "963 Juniper Drive (L012): the conversion rate is below 8%.",
        "Answer inquiries about 369 Ash Boulevard (L009) first: "
        "the conversion rate is 11% or more.",
    ]


def test_a_report_without_anything_to_do_says_so(world: World) -> None:
    assert report(world, "L001")["summary"]["recommendations"] == [
        "Carry on as before: no figure of these listings stands out."
    ]


def test_sold_homes_get_no_advice_on_selling_them(world: World) -> None:
    assert report(world, "L006", "L020")["summary"]["recommendations"] == [
        "All of these homes are sold: use them as examples when pricing similar ones."
    ]


def test_a_report_names_listings_that_the_listings_service_does_not_know(world: World) -> None:
    answer = world.analytics.call("generatePerformanceReport", {"listingIds": ["L001", "L998"]})
    assert (answer.status, answer.code) == (422, "unknown_listing")
    assert "the id L998." in answer.message


def test_a_report_names_listings_without_figures(world: World) -> None:
    with world.analytics.app.app_context():
        db.session.delete(db.session.get_one(ListingMetrics, "L002"))
        db.session.commit()
    answer = world.analytics.call("generatePerformanceReport", {"listingIds": ["L001", "L002"]})
    assert (answer.status, answer.code) == (422, "unknown_listing")
    assert "the id L002." in answer.message
