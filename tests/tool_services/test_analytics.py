from __future__ import annotations

import csv
from datetime import date, datetime
from io import StringIO
from typing import Any

import pytest
from sqlalchemy import delete

from tests.tool_services.conftest import Answer, World
from tool_services.analytics.models import Exposure, Interaction, db
from tool_services.listings.models import Area, ListingHistory
from tool_services.listings.models import db as listings_db

# On PostgreSQL as well.
pytestmark = pytest.mark.databases


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
    assert answer.message == (
        "No listing has the id L777. The nearest ids: L017, L020, L019, L018, L016."
    )


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
    assert answer.message.startswith(f"There are no figures for {area!r}. The nearest known: ")
    assert "Portland, OR" in answer.message


def test_a_misspelt_area_is_answered_with_the_one_that_was_meant(world: World) -> None:
    answer = market(world, "Kirkand, Washington")
    assert answer.message == (
        "There are no figures for 'Kirkand, Washington'. The nearest known: Kirkland, WA."
    )


def test_a_city_in_two_states_needs_its_state(world: World) -> None:
    in_maine = {"City": "Portland", "CityKey": "portland", "StateOrProvince": "ME"}
    with world.listings.app.app_context():
        listings_db.session.add(Area(**in_maine))
        listings_db.session.add(
            ListingHistory(
                **in_maine,
                ListingId="ME1",
                ListPrice=500_000,
                StandardStatus="Active",
                OnMarketDate=date(2024, 1, 1),
                DaysOnMarket=60,
            )
        )
        listings_db.session.commit()
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


def test_a_listing_that_nobody_has_seen_yet_has_figures_of_nought(world: World) -> None:
    with world.analytics.app.app_context():
        db.session.execute(delete(Interaction).where(Interaction.ListingId == "L002"))
        db.session.execute(delete(Exposure).where(Exposure.ListingId == "L002"))
        db.session.commit()
    [figures] = world.analytics.call("getListingMetrics", {"listingIds": ["L002"]}).result[
        "metrics"
    ]
    assert figures == {
        "listingId": "L002",
        "pageViews": 0,
        "saves": 0,
        "inquiries": 0,
        "timeOnMarket": 0,
        "clickThroughRate": 0,
        "conversionRate": 0,
        "lastUpdated": None,
    }
    answer = world.analytics.call("generatePerformanceReport", {"listingIds": ["L001", "L002"]})
    assert answer.result["summary"]["topPerformer"]["listingId"] == "L001"


def test_each_new_interaction_counts(world: World) -> None:
    def metrics() -> Any:
        arguments = {"listingIds": ["L001"]}
        return world.analytics.call("getListingMetrics", arguments).result["metrics"][0]

    before = metrics()
    with world.analytics.app.app_context():
        for kind in ("view", "save", "inquiry"):
            at = datetime(2024, 1, 20, 12)
            db.session.add(Interaction(ListingId="L001", Kind=kind, VisitorId="new", At=at))
        db.session.commit()
    after = metrics()
    for name in ("pageViews", "saves", "inquiries"):
        assert after[name] == before[name] + 1
    assert after["conversionRate"] == round(13 / 126, 3)
    assert after["timeOnMarket"] == 20
    assert after["lastUpdated"] == "2024-01-20T12:00:00Z"


FIGURES = list(
    csv.DictReader(
        StringIO("""\
id,pageViews,saves,inquiries,timeOnMarket,clickThroughRate,conversionRate,lastUpdated
L001,1250,45,12,15,0.034,0.096,2024-01-15T10:30:00Z
L002,890,32,8,23,0.028,0.089,2024-01-15T09:15:00Z
L003,2100,78,25,8,0.041,0.119,2024-01-15T11:45:00Z
L004,650,18,4,45,0.022,0.061,2024-01-15T08:20:00Z
L005,1580,62,18,12,0.039,0.114,2024-01-15T14:30:00Z
L006,920,28,7,31,0.025,0.076,2024-01-15T12:10:00Z
L007,1750,55,16,19,0.037,0.091,2024-01-15T13:45:00Z
L008,1100,41,11,27,0.032,0.100,2024-01-15T09:30:00Z
L009,2350,89,28,6,0.043,0.126,2024-01-15T15:20:00Z
L010,780,24,5,38,0.021,0.064,2024-01-15T07:45:00Z
L011,1450,52,14,19,0.036,0.097,2024-01-15T11:30:00Z
L012,920,31,7,42,0.025,0.076,2024-01-15T08:15:00Z
L013,1680,67,18,12,0.040,0.107,2024-01-15T14:20:00Z
L014,1200,44,11,28,0.033,0.092,2024-01-15T10:45:00Z
L015,2100,83,24,9,0.042,0.114,2024-01-15T16:10:00Z
L016,850,28,6,35,0.023,0.071,2024-01-15T07:30:00Z
L017,1320,49,13,21,0.037,0.098,2024-01-15T12:50:00Z
L018,1780,71,19,14,0.041,0.107,2024-01-15T13:25:00Z
L019,990,35,8,31,0.028,0.081,2024-01-15T09:40:00Z
L020,1560,58,16,17,0.038,0.103,2024-01-15T15:05:00Z
""")
    )
)


@pytest.mark.parametrize("row", FIGURES, ids=lambda row: str(row["id"]))
def test_the_sample_interactions_come_to_the_sample_figures(
    world: World, row: dict[str, str]
) -> None:
    arguments = {"listingIds": [row["id"]]}
    [metrics] = world.analytics.call("getListingMetrics", arguments).result["metrics"]
    assert {name: str(value) for name, value in metrics.items() if name != "listingId"} == {
        name: str(float(value)) if name.endswith("Rate") else value
        for name, value in row.items()
        if name != "id"
    }


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
def test_the_sample_history_comes_to_the_sample_figures(
    world: World, figures: tuple[Any, ...]
) -> None:
    result = market(world, figures[0]).result
    trends = result.pop("trends")
    assert (*result.values(), *trends.values()) == figures


def test_a_market_without_an_earlier_year_has_no_change(world: World) -> None:
    with world.listings.app.app_context():
        listings_db.session.execute(
            delete(ListingHistory).where(ListingHistory.OnMarketDate < date(2023, 1, 15))
        )
        listings_db.session.commit()
    result = market(world, "Seattle, WA").result
    assert result["priceChange"] is None
    assert result["trends"]["priceDirection"] == "Stable"
