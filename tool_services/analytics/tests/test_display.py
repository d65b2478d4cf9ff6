"""Metrics, markets and reports as people see them."""

from __future__ import annotations

import csv
import io
import re

from tests.tool_services.support.display import display_parts, images
from tests.tool_services.support.services import Service


def test_a_market_is_drawn_and_described_in_words(analytics: Service) -> None:
    [part] = display_parts(analytics, "getMarketAnalysis", area="Portland, OR")
    assert "$785,000" in part.text
    assert "+8.5 %" in part.text
    assert len(images(part.text)) == 2
    prices, homes = re.findall(r'alt="([^"]+)"', part.text)
    assert "Q1 22: $" in prices
    assert sum(int(count) for count in re.findall(r": (\d+)", homes)) == 156


def test_one_listings_metrics_are_large_and_several_are_compared(analytics: Service) -> None:
    [one] = display_parts(analytics, "getListingMetrics", listingIds=["L001"])
    assert '<dd class="show-large">1,250</dd>' in one.text
    [two] = display_parts(analytics, "getListingMetrics", listingIds=["L001", "L009"])
    first, second = re.findall(r'<tr><th scope="row">\w+</th>(.*?)</tr>', two.text)
    assert first.count("show-best") == 0
    assert second.count("show-best") == 6


def test_a_report_is_a_page_and_a_table_of_the_same_figures(analytics: Service) -> None:
    ids = ["L001", "L003", "L009"]
    result = analytics.call("generatePerformanceReport", {"listingIds": ids}).result
    page, table = display_parts(analytics, "generatePerformanceReport", listingIds=ids)
    assert page.uri == "ui://analytics/performance-report.html"
    assert f"{result['summary']['totalViews']:,}" in page.text
    for advice in result["summary"]["recommendations"]:
        assert advice in page.text
    assert len(images(page.text)) == 2
    assert table.uri == "ui://analytics/performance-report.csv"
    assert table.media_type == "text/csv"
    expected = [line | line.pop("metrics") for line in result["listings"]]
    assert list(csv.DictReader(io.StringIO(table.text))) == [
        {name: str(value) for name, value in line.items()} for line in expected
    ]
