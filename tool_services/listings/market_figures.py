"""The market figures of a city, from the history of its listings, at GET /market."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from flask import Flask, Response, jsonify, request
from sqlalchemy import ColumnElement, extract, func, select

from tool_services.framework.errors import InvalidArgumentsError
from tool_services.framework.running import verify_reader
from tool_services.listings.area_names import find_area
from tool_services.listings.errors import UnknownAreaError
from tool_services.listings.models import Area, ListingHistory, db

YEAR = timedelta(days=365)
MAX_AREA_CHARS = 100
# The average of fewer homes means little.
MIN_HOMES_PER_QUARTER = 3
MAX_PRICE_BANDS = 7

Conditions = tuple[ColumnElement[bool], ...]


def add_market_endpoint(app: Flask) -> None:
    """Add GET /market?area=Portland, OR for other services."""

    @app.get("/market")
    def show_market() -> Response:
        verify_reader()
        name = request.args.get("area", "")[:MAX_AREA_CHARS]
        if "\0" in name:
            raise InvalidArgumentsError("area must not contain the character NUL.")
        return jsonify(market_figures(find_area(name)))


def market_figures(area: Area) -> dict[str, Any]:
    """Return the figures of the last year in the history, as JSON with names in camelCase.

    Prices are in US dollars. `previousAveragePrice` is that of the year before, None if it has no
    history. Raises UnknownAreaError for an area without history.
    """
    in_area = (
        ListingHistory.CityKey == area.CityKey,
        ListingHistory.StateOrProvince == area.StateOrProvince,
    )
    newest = db.session.scalar(select(func.max(ListingHistory.OnMarketDate)).where(*in_area))
    if newest is None:
        raise UnknownAreaError(f"There is no history of {area.name}.")
    last_year = (*in_area, ListingHistory.OnMarketDate > newest - YEAR)
    last_two_years = (*in_area, ListingHistory.OnMarketDate > newest - 2 * YEAR)
    return {
        "area": area.name,
        **_totals(last_year),
        "previousAveragePrice": _previous_average_price(last_two_years, newest),
        "quarters": _quarters(last_two_years),
        "priceBands": _price_bands(last_year),
    }


def _totals(where: Conditions) -> dict[str, Any]:
    status = ListingHistory.StandardStatus
    row = db.session.execute(
        select(
            func.count(),
            func.count().filter(status == "Sold"),
            func.count().filter(status == "Pending"),
            func.avg(ListingHistory.ListPrice),
            func.avg(ListingHistory.DaysOnMarket),
        ).where(*where)
    ).one()
    return {
        "totalListings": row[0],
        "soldListings": row[1],
        "pendingListings": row[2],
        "averagePrice": float(row[3]),
        "averageTimeOnMarket": float(row[4]),
    }


def _previous_average_price(last_two_years: Conditions, newest: date) -> float | None:
    earlier = ListingHistory.OnMarketDate <= newest - YEAR
    average = select(func.avg(ListingHistory.ListPrice)).where(*last_two_years, earlier)
    price = db.session.scalar(average)
    return None if price is None else float(price)


def _quarters(where: Conditions) -> list[dict[str, Any]]:
    """Return the average price of each quarter, in order."""
    day, price = ListingHistory.OnMarketDate, ListingHistory.ListPrice
    year, month = extract("year", day), extract("month", day)
    rows = db.session.execute(
        select(year, month, func.count(), func.sum(price)).where(*where).group_by(year, month)
    )
    sums: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0])
    for in_year, in_month, homes, dollars in rows:
        quarter = sums[int(in_year), (int(in_month) + 2) // 3]
        quarter[0] += homes
        quarter[1] += int(dollars)
    return [
        {"name": f"Q{quarter} {year % 100}", "averagePrice": dollars / homes}
        for (year, quarter), (homes, dollars) in sorted(sums.items())
        if homes >= MIN_HOMES_PER_QUARTER
    ]


def _price_bands(where: Conditions) -> list[dict[str, int]]:
    """Return how many homes are in each price band. All bands have the same round width."""
    price = ListingHistory.ListPrice
    lowest, highest = db.session.execute(
        select(func.min(price), func.max(price)).where(*where)
    ).one()
    width = next(
        width for width in _round_widths() if (highest - lowest) / width <= MAX_PRICE_BANDS
    )
    band = price // width
    rows = db.session.execute(select(band, func.count()).where(*where).group_by(band)).all()
    homes = {int(row[0]): int(row[1]) for row in rows}
    return [
        {"lowest": at * width, "homes": homes.get(at, 0)}
        for at in range(lowest // width, highest // width + 1)
    ]


def _round_widths() -> Iterator[int]:
    """Yield 10,000, 20,000, 50,000, 100,000 and so on."""
    width = 10_000
    while True:
        yield from (width, 2 * width, 5 * width)
        width *= 10
