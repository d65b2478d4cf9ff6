"""The display parts of this service: metrics, markets and reports, with charts."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

from flask import render_template

from tool_services.analytics.listings_client import Market
from tool_services.analytics.market_analysis import MarketAnalysis
from tool_services.analytics.metrics import ListingMetrics, Metrics
from tool_services.analytics.performance_report import PerformanceReport
from tool_services.framework.charts import (
    Format,
    alt_text,
    bar_chart,
    count_text,
    data_url,
    dollars_text,
    line_chart,
)
from tool_services.framework.display import DisplayPart, card

# With more bars than these, their labels overlap.
MAX_BARS = 10
# Fewer days are better. Of everything else, more is better.
_BEST = {
    "page_views": max,
    "saves": max,
    "inquiries": max,
    "days_on_market": min,
    "click_through_percent": max,
    "conversion_percent": max,
}


@dataclass(frozen=True)
class Chart:
    """An image, as a data: URL, and its values in words."""

    title: str
    url: str
    alt: str

    @classmethod
    def draw(
        cls,
        draw: Callable[[Sequence[str], Sequence[float], Format], str],
        title: str,
        labels: Sequence[str],
        values: Sequence[float],
        value_text: Format = count_text,
    ) -> Self:
        svg = draw(labels, values, value_text)
        return cls(title, data_url(svg), alt_text(labels, values, value_text))


def market_page(analysis: MarketAnalysis, market: Market) -> DisplayPart:
    """Show a market's analysis, with its prices by quarter and its homes by price."""
    charts = []
    if len(market.quarters) > 1:
        names = [quarter.name for quarter in market.quarters]
        prices = [quarter.average_price for quarter in market.quarters]
        charts.append(
            Chart.draw(line_chart, "Average price by quarter", names, prices, dollars_text)
        )
    if market.price_bands:
        names = [dollars_text(band.lowest) for band in market.price_bands]
        homes = [band.homes for band in market.price_bands]
        charts.append(Chart.draw(bar_chart, "Homes by price, last year", names, homes))
    return card("market.html", analysis=analysis, charts=charts)


def metrics_page(metrics: Sequence[ListingMetrics]) -> DisplayPart:
    """Show the metrics of one listing large, those of several in a table."""
    newest = max((each.last_updated for each in metrics if each.last_updated), default=None)
    return card("metrics.html", lines=metrics, best=_best(metrics), newest=newest)


def report_page(report: PerformanceReport) -> DisplayPart:
    """Show a performance report, with charts if it has few enough listings."""
    charts = []
    if 1 < len(report.listings) <= MAX_BARS:
        names = [line.listing_id for line in report.listings]
        views = [line.metrics.page_views for line in report.listings]
        inquiries = [line.metrics.inquiries for line in report.listings]
        charts.append(Chart.draw(bar_chart, "Views", names, views))
        charts.append(Chart.draw(bar_chart, "Inquiries", names, inquiries))
    best = _best([line.metrics for line in report.listings])
    html = render_template("report.html", report=report, best=best, charts=charts)
    return DisplayPart("performance-report.html", "text/html", html)


def report_table(report: PerformanceReport) -> DisplayPart:
    """Return the report as CSV: a line for each listing, with the names of the result's JSON."""
    rows = [line.as_json() for line in report.listings]
    flat = [row | row.pop("metrics") for row in rows]
    text = io.StringIO()
    table = csv.DictWriter(text, list(flat[0]))
    table.writeheader()
    table.writerows(flat)
    return DisplayPart("performance-report.csv", "text/csv", text.getvalue())


def _best(metrics: Sequence[Metrics]) -> dict[str, float]:
    """Return the best value of each metric, or nothing if there is only one listing."""
    if len(metrics) < 2:
        return {}
    return {name: best(getattr(each, name) for each in metrics) for name, best in _BEST.items()}
