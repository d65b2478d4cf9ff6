"""Figures as people like to see them: large, beside each other, and drawn."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from flask import render_template

from tool_services.framework.charts import Amount, bars, data_url, dollars, in_words, line, whole
from tool_services.framework.tools import Part

if TYPE_CHECKING:
    from tool_services.analytics.listing_metrics import Figures, FiguresOfListing
    from tool_services.analytics.market_analysis import Market, MarketAnalysis
    from tool_services.analytics.performance_report import PerformanceReport

# With more bars than these their labels run into each other.
MOST_BARS = 10
# Of the fewer days the better; of all else the more.
_BEST = {
    "page_views": max,
    "saves": max,
    "inquiries": max,
    "time_on_market": min,
    "click_through_rate": max,
    "conversion_rate": max,
}


@dataclass(frozen=True)
class Chart:
    """A drawing's address, and what it shows in words."""

    title: str
    address: str
    words: str

    @classmethod
    def bars(
        cls, title: str, labels: Sequence[str], values: Sequence[float], amount: Amount = whole
    ) -> Self:
        drawing = data_url(bars(labels, values, amount))
        return cls(title, drawing, in_words(labels, values, amount))

    @classmethod
    def line(
        cls, title: str, labels: Sequence[str], values: Sequence[float], amount: Amount
    ) -> Self:
        drawing = data_url(line(labels, values, amount))
        return cls(title, drawing, in_words(labels, values, amount))


def market_page(analysis: MarketAnalysis, market: Market) -> Part:
    charts = []
    if len(market.quarters) > 1:
        names = [quarter.name for quarter in market.quarters]
        prices = [quarter.average_price for quarter in market.quarters]
        charts.append(Chart.line("Average price by quarter", names, prices, dollars))
    if market.price_bands:
        names = [dollars(band.lowest) for band in market.price_bands]
        counts = [band.homes for band in market.price_bands]
        charts.append(Chart.bars("Homes from each price up, last year", names, counts))
    html = render_template("market.html", analysis=analysis, charts=charts)
    return Part("market.html", "text/html", html)


def metrics_page(lines: Sequence[FiguresOfListing]) -> Part:
    newest = max((line.last_updated for line in lines if line.last_updated), default=None)
    html = render_template("metrics.html", lines=lines, best=_best(lines), newest=newest)
    return Part("metrics.html", "text/html", html)


def report_page(report: PerformanceReport) -> Part:
    charts = []
    if 1 < len(report.listings) <= MOST_BARS:
        names = [line.listing_id for line in report.listings]
        views = [line.metrics.page_views for line in report.listings]
        inquiries = [line.metrics.inquiries for line in report.listings]
        charts = [Chart.bars("Views", names, views), Chart.bars("Inquiries", names, inquiries)]
    best = _best([line.metrics for line in report.listings])
    html = render_template("report.html", report=report, best=best, charts=charts)
    return Part("performance-report.html", "text/html", html)


def report_table(report: PerformanceReport) -> Part:
    """A line for each listing, with the names that the result's JSON has for its figures."""
    rows = [line.as_json() for line in report.listings]
    flat = [row | row.pop("metrics") for row in rows]
    text = io.StringIO()
    table = csv.DictWriter(text, list(flat[0]))
    table.writeheader()
    table.writerows(flat)
    return Part("performance-report.csv", "text/csv", text.getvalue())


def _best(lines: Sequence[Figures]) -> dict[str, float]:
    """The best value of each figure; none where there is nothing to compare it with."""
    if len(lines) < 2:
        return {}
    return {name: best(getattr(line, name) for line in lines) for name, best in _BEST.items()}
