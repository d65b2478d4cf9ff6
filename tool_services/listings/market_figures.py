"""The market of a city, aggregated from the history of its listings, for other services."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import timedelta
from difflib import get_close_matches
from typing import Any

from flask import Flask, Response, jsonify, request
from sqlalchemy import ColumnElement, extract, func, select

from tool_services.framework.errors import UnknownAreaError
from tool_services.framework.tokens import CALL_SCOPE, TokenVerifier
from tool_services.listings.models import Area, ListingHistory, city_key, db
from tool_services.listings.us_states import state_code

YEAR = timedelta(days=365)
MOST_SUGGESTIONS = 5
LONGEST_AREA = 100
# Of fewer homes an average says nothing.
FEWEST_IN_QUARTER = 3
MOST_BANDS = 7


def serve_market(app: Flask, verifier: TokenVerifier) -> None:
    """Add GET /market?area=Portland, OR for other services."""

    @app.get("/market")
    def show_market() -> Response:
        verifier.caller(request.headers.get("Authorization"), CALL_SCOPE)
        return jsonify(market_of(named_area(request.args.get("area", "")[:LONGEST_AREA])))


def market_of(area: Area) -> dict[str, Any]:
    """The figures of the last year that there is history of, and the average price a year before.

    Prices are in US dollars; `previousAveragePrice` is None where there is nothing before.
    """
    here = (
        ListingHistory.CityKey == area.CityKey,
        ListingHistory.StateOrProvince == area.StateOrProvince,
    )
    newest = db.session.scalar(select(func.max(ListingHistory.OnMarketDate)).where(*here))
    if newest is None:
        raise UnknownAreaError(f"There is no history of {area.name}.")
    status, day = ListingHistory.StandardStatus, ListingHistory.OnMarketDate
    price = func.avg(ListingHistory.ListPrice)
    row = db.session.execute(
        select(
            func.count(),
            func.count().filter(status == "Sold"),
            func.count().filter(status == "Pending"),
            price,
            func.avg(ListingHistory.DaysOnMarket),
        ).where(*here, day > newest - YEAR)
    ).one()
    before = db.session.scalar(
        select(price).where(*here, day <= newest - YEAR, day > newest - 2 * YEAR)
    )
    return {
        "area": area.name,
        "totalListings": row[0],
        "soldListings": row[1],
        "pendingListings": row[2],
        "averagePrice": float(row[3]),
        "averageTimeOnMarket": float(row[4]),
        "previousAveragePrice": None if before is None else float(before),
        "quarters": _quarters(*here, day > newest - 2 * YEAR),
        "priceBands": _price_bands(*here, day > newest - YEAR),
    }


def _quarters(*where: ColumnElement[bool]) -> list[dict[str, Any]]:
    """The average price of each quarter of a year, in order."""
    day, price = ListingHistory.OnMarketDate, ListingHistory.ListPrice
    year, month = extract("year", day), extract("month", day)
    rows = db.session.execute(
        select(year, month, func.count(), func.sum(price)).where(*where).group_by(year, month)
    )
    counts: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0])
    for in_year, in_month, count, dollars in rows:
        quarter = counts[int(in_year), (int(in_month) + 2) // 3]
        quarter[0] += count
        quarter[1] += int(dollars)
    return [
        {"name": f"Q{quarter} {year % 100}", "averagePrice": dollars / count}
        for (year, quarter), (count, dollars) in sorted(counts.items())
        if count >= FEWEST_IN_QUARTER
    ]


def _price_bands(*where: ColumnElement[bool]) -> list[dict[str, int]]:
    """How many homes there are in each band of prices, all of one round width."""
    price = ListingHistory.ListPrice
    least, most = db.session.execute(select(func.min(price), func.max(price)).where(*where)).one()
    width = next(width for width in _round_widths() if (most - least) / width <= MOST_BANDS)
    band = price // width
    rows = db.session.execute(select(band, func.count()).where(*where).group_by(band)).all()
    homes = {int(row[0]): int(row[1]) for row in rows}
    return [
        {"lowest": at * width, "homes": homes.get(at, 0)}
        for at in range(least // width, most // width + 1)
    ]


def _round_widths() -> Iterator[int]:
    width = 10_000
    while True:
        yield from (width, 2 * width, 5 * width)
        width *= 10


def named_area(text: str) -> Area:
    """The area that a person or a model means. Raises UnknownAreaError with the nearest ones."""
    spellings = [_words(text), _words(text.replace("-", " "))]
    for words in spellings:
        for city, state in _readings(words):
            area = db.session.get(Area, (city, state))
            if area is not None:
                return area
    for words in spellings:
        city = city_key(" ".join(words))
        found = db.session.scalars(select(Area).where(Area.CityKey == city)).all()
        if len(found) == 1:
            return found[0]
        if found:
            names = "; ".join(sorted(area.name for area in found))
            raise UnknownAreaError(f"{text!r} could be any of these: {names}. Add the state.")
    nearest = "; ".join(_nearest(text))
    raise UnknownAreaError(f"There are no figures for {text!r}. The nearest known: {nearest}.")


def _words(text: str) -> list[str]:
    return re.findall(r"[^\s,.;]+", text)


def _readings(words: Sequence[str]) -> list[tuple[str, str]]:
    """The words as a city and a state, wherever the one may end: Salt Lake City Utah."""
    splits = [(words[:at], words[at:]) for at in range(1, len(words))]
    return [(city_key(" ".join(city)), state_code(" ".join(state))) for city, state in splits]


def _nearest(text: str) -> Sequence[str]:
    names = {area.name.casefold(): area.name for area in db.session.scalars(select(Area))}
    close = get_close_matches(text.casefold(), names, n=MOST_SUGGESTIONS, cutoff=0.5)
    return [names[one] for one in close] or sorted(names.values())[:MOST_SUGGESTIONS]
