"""What the tools answer: the results this model can read, told apart by the tool's name."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

FIND = "findListings"
SEND = "sendListingReport"
METRICS = "getListingMetrics"
MARKET = "getMarketAnalysis"
REPORT = "generatePerformanceReport"


class Result(BaseModel):
    """A tool's result. What is missing stays empty; what has another form is an error."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)


class Figures(Result):
    """How people respond to one listing. Rates are fractions of one, time is in days."""

    page_views: int | None = None
    saves: int | None = None
    inquiries: int | None = None
    days_on_market: float | None = None
    click_through_rate: float | None = None
    conversion_rate: float | None = None
    last_updated: str | None = None


class ListingFigures(Figures):
    """The same with the listing's id."""

    listing_id: str


class Listing(Result):
    """One home. The price is in dollars; a report adds its figures."""

    listing_id: str
    address: str = ""
    city: str = ""
    state: str = ""
    price: float | None = None
    bedrooms: float | None = None
    bathrooms: float | None = None
    status: str = ""
    metrics: Figures | None = None


class FoundListings(Result):
    """What findListings answers. `total` may be more than the listings shown."""

    total: int
    listings: tuple[Listing, ...]


class ListingMetrics(Result):
    """What getListingMetrics answers."""

    metrics: tuple[ListingFigures, ...]


class Trends(Result):
    """Where a market is heading, in words."""

    price_direction: str = ""
    market_activity: str = ""


class MarketAnalysis(Result):
    """What getMarketAnalysis answers. The price change is in percent, time in days."""

    area: str
    average_price: float | None = None
    price_change_percent: float | None = None
    average_days_on_market: float | None = None
    total_listings: int | None = None
    sold_listings: int | None = None
    pending_listings: int | None = None
    competition_level: str = ""
    trends: Trends = Trends()


class TopPerformer(Result):
    """The listing with the best conversion rate."""

    listing_id: str
    conversion_rate: float | None = None
    address: str = ""


class Summary(Result):
    """A report's figures over all its listings."""

    total_views: int | None = None
    total_inquiries: int | None = None
    average_days_on_market: float | None = None
    top_performer: TopPerformer | None = None
    recommendations: tuple[str, ...] = ()


class PerformanceReport(Result):
    """What generatePerformanceReport answers."""

    summary: Summary
    listings: tuple[Listing, ...] = ()


class SentReport(Result):
    """What sendListingReport answers."""

    sent: bool
    recipient_email: str = ""
    listing_ids: tuple[str, ...] = ()
    delivery: str = ""


FORMS: dict[str, type[Result]] = {
    FIND: FoundListings,
    SEND: SentReport,
    METRICS: ListingMetrics,
    MARKET: MarketAnalysis,
    REPORT: PerformanceReport,
}
UNREADABLE = "The tool's answer came in a form that I can't read."


def read_result(name: str, content: str) -> Result | str | None:
    """A tool message's result, or its error in words; None for a tool this model doesn't know."""
    body = _within(_json(content))
    if isinstance(body, dict) and body.get("error"):
        return _error_text(body["error"])
    if name not in FORMS:
        return None
    try:
        return FORMS[name].model_validate(body)
    except ValidationError:
        return UNREADABLE


def _within(body: Any) -> Any:
    """The result itself, where an agent hands it over marked as what it is."""
    marked = isinstance(body, dict) and body.keys() <= {"untrusted_data", "note"}
    return body.get("untrusted_data", body) if marked else body


def _json(content: str) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _error_text(error: Any) -> str:
    message = error.get("message") if isinstance(error, dict) else error
    return " ".join(str(message or "The tool failed and did not say why.").split())
