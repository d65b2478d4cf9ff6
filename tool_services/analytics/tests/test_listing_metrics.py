"""The getListingMetrics tool."""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator
from sqlalchemy import delete

import tool_services.analytics
from tests.tool_services.support.services import Service
from tool_services.analytics.models import Exposure, Interaction, db

# On PostgreSQL as well.
pytestmark = pytest.mark.engines

SAMPLES = Path(tool_services.analytics.__file__).parent / "sample_data" / "interactions.csv"


def metrics(analytics: Service, *listing_ids: str) -> list[Any]:
    answer = analytics.call("getListingMetrics", {"listingIds": listing_ids})
    found: list[Any] = answer.result["metrics"]
    return found


def test_metrics_come_in_the_order_of_the_ids(analytics: Service) -> None:
    other, first = metrics(analytics, "L008", "l001")
    assert other["listingId"] == "L008"
    assert first == {
        "listingId": "L001",
        "pageViews": 1250,
        "saves": 45,
        "inquiries": 12,
        "daysOnMarket": 15,
        "clickThroughPercent": 3.4,
        "conversionPercent": 9.6,
        "lastUpdated": "2024-01-15T10:30:00Z",
    }
    [schema, *_] = [t["outputSchema"] for t in analytics.request("GET", "/tools").body["tools"]]
    Draft202012Validator(schema).validate({"metrics": [other, first]})


def test_the_samples_add_up_to_what_their_file_says(analytics: Service) -> None:
    with SAMPLES.open() as file:
        rows = {row["ListingId"]: row for row in csv.DictReader(file)}
    for found in metrics(analytics, *rows):
        row = rows[found["listingId"]]
        assert found["pageViews"] == int(row["Views"])
        assert found["saves"] == int(row["Saves"])
        assert found["inquiries"] == int(row["Inquiries"])
        assert found["daysOnMarket"] == int(row["DaysOnMarket"])
        clicks = 100 * int(row["Views"]) / int(row["Impressions"])
        assert found["clickThroughPercent"] == round(clicks, 1)
        conversion = 100 * int(row["Inquiries"]) / int(row["Visitors"])
        assert found["conversionPercent"] == round(conversion, 1)
        assert found["lastUpdated"] == row["LastUpdated"]


def test_each_new_interaction_counts(analytics: Service) -> None:
    [before] = metrics(analytics, "L001")
    with analytics.app.app_context():
        for kind in ("view", "save", "inquiry"):
            at = datetime(2024, 1, 20, 12)
            db.session.add(Interaction(ListingId="L001", Kind=kind, VisitorId="new", At=at))
        db.session.commit()
    [after] = metrics(analytics, "L001")
    for name in ("pageViews", "saves", "inquiries"):
        assert after[name] == before[name] + 1
    assert after["conversionPercent"] == round(100 * 13 / 126, 1)
    assert after["daysOnMarket"] == 20
    assert after["lastUpdated"] == "2024-01-20T12:00:00Z"


def test_a_listing_that_nobody_has_seen_has_zeros(analytics: Service) -> None:
    with analytics.app.app_context():
        db.session.execute(delete(Interaction).where(Interaction.ListingId == "L002"))
        db.session.execute(delete(Exposure).where(Exposure.ListingId == "L002"))
        db.session.commit()
    assert metrics(analytics, "L002") == [
        {
            "listingId": "L002",
            "pageViews": 0,
            "saves": 0,
            "inquiries": 0,
            "daysOnMarket": 0,
            "clickThroughPercent": 0,
            "conversionPercent": 0,
            "lastUpdated": None,
        }
    ]
    report = analytics.call("generatePerformanceReport", {"listingIds": ["L001", "L002"]})
    assert report.result["summary"]["topPerformer"]["listingId"] == "L001"


def test_an_unknown_listing_is_named(analytics: Service) -> None:
    answer = analytics.call("getListingMetrics", {"listingIds": ["L001", "L777"]})
    assert (answer.status, answer.code) == (422, "unknown_listing")
    assert "L777" in answer.message


def test_known_metrics_need_no_listings_service(analytics: Service, listings: Service) -> None:
    listings.server.stop()
    assert metrics(analytics, "L001")[0]["pageViews"] == 1250
