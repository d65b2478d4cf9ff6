"""The generatePerformanceReport tool."""

from __future__ import annotations

import json
from typing import Any

import gevent
import pytest
import requests
from flask import Flask, jsonify

from tests.tool_services.support.services import Service
from tool_services.analytics.listings_client import Home
from tool_services.analytics.metrics import NO_METRICS
from tool_services.analytics.recommendations import Performance, recommendations

pytestmark = pytest.mark.engines


def report(analytics: Service, *listing_ids: str) -> Any:
    return analytics.call("generatePerformanceReport", {"listingIds": listing_ids}).result


def test_a_report_sums_up_its_listings(analytics: Service) -> None:
    summary = report(analytics, "L001", "L004", "L009")["summary"]
    assert summary["totalViews"] == 1250 + 650 + 2350
    assert summary["totalInquiries"] == 12 + 4 + 28
    assert summary["averageDaysOnMarket"] == (15 + 45 + 6) / 3
    assert summary["topPerformer"] == {
        "listingId": "L009",
        "conversionPercent": 12.6,
        "address": "369 Ash Boulevard, Seattle, WA 98103",
    }


def test_a_report_has_each_home_with_its_metrics_in_the_order_of_the_ids(
    analytics: Service,
) -> None:
    other, line = report(analytics, "L003", "L001")["listings"]
    assert other["listingId"] == "L003"
    assert line == {
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
            "daysOnMarket": 15,
            "clickThroughPercent": 3.4,
            "conversionPercent": 9.6,
            "lastUpdated": "2024-01-15T10:30:00Z",
        },
    }


def test_a_report_says_how_far_it_is(analytics: Service) -> None:
    arguments = {"listingIds": ["L001"]}
    params = {"name": "generatePerformanceReport", "arguments": arguments}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}
    answer = requests.post(
        f"{analytics.url}/mcp",
        json=message | {"params": params | {"_meta": {"progressToken": 1}}},
        headers={
            "Authorization": f"Bearer {analytics.token()}",
            "Accept": "application/json, text/event-stream",
        },
        timeout=30,
    )
    lines = [line for line in answer.text.splitlines() if line]
    told = [json.loads(line.removeprefix("data: ")).get("params") for line in lines]
    assert [one and (one["progress"], one["total"], one["message"]) for one in told] == [
        (0, 2, "Reading the homes"),
        (1, 2, "Counting views and inquiries"),
        None,
    ]


def test_an_unknown_listing_is_named(analytics: Service) -> None:
    answer = analytics.call("generatePerformanceReport", {"listingIds": ["L001", "L998"]})
    assert (answer.status, answer.code) == (422, "unknown_listing")
    assert "L998" in answer.message


def test_an_answer_about_other_listings_is_not_used(analytics: Service, listings: Service) -> None:
    app = Flask(__name__)
    app.add_url_rule("/listings", view_func=lambda: jsonify(listings=[]))
    listings.server.application = app
    answer = analytics.call("generatePerformanceReport", {"listingIds": ["L001"]})
    assert (answer.status, answer.code) == (502, "upstream_unavailable")


def test_many_people_at_once_each_act_for_themselves(
    analytics: Service, caplog: pytest.LogCaptureFixture
) -> None:
    analytics.restart(tool_timeout=20)  # they share a busy machine with other tests
    users = [f"user-{number}" for number in range(20)]

    def work(user: str) -> None:
        arguments = {"listingIds": ["L002"]}
        answer = analytics.call("generatePerformanceReport", arguments, user=user)
        assert answer.status == 200

    gevent.joinall([gevent.spawn(work, user) for user in users], raise_error=True)
    lines = [line for line in caplog.messages if "tool=generatePerformanceReport" in line]
    assert sorted(line.split("user=")[1].split()[0] for line in lines) == sorted(users)


# Recommendations


def performance(listing_id: str, status: str = "Active", **metrics: Any) -> Performance:
    home: dict[str, Any] = {
        "listingId": listing_id,
        "address": "1 Oak Street",
        "city": "Bend",
        "state": "OR",
    }
    home |= {"zipCode": "97701", "price": 1, "bedrooms": 1, "bathrooms": 1, "status": status}
    usual = {"days_on_market": 10, "click_through_percent": 3, "conversion_percent": 10}
    return Performance(
        Home.model_validate(home), NO_METRICS.model_copy(update={**usual, **metrics})
    )


@pytest.mark.parametrize(
    ("metrics", "advice"),
    [
        ({"days_on_market": 31}, "asking price"),
        ({"click_through_percent": 2}, "photos"),
        ({"conversion_percent": 7}, "viewings"),
        ({"conversion_percent": 11}, "inquiries"),
    ],
)
def test_a_metric_out_of_its_range_is_advised_on(metrics: dict[str, Any], advice: str) -> None:
    [sentence] = recommendations([performance("L1", **metrics), performance("L2")])
    assert advice in sentence
    assert "L1" in sentence
    assert "L2" not in sentence


def test_there_is_always_something_to_say_but_no_advice_on_selling_a_sold_home() -> None:
    [usual] = recommendations([performance("L1")])
    [sold] = recommendations([performance("L1", "Sold", days_on_market=99)])
    assert usual != sold
    assert "asking price" not in sold
