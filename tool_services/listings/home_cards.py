"""Homes as cards with a drawing each, and a few of them side by side in a table."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from flask import render_template

from tool_services.framework.charts import data_url
from tool_services.framework.display import DisplayPart
from tool_services.listings.home import Home

# More homes than these are hard to compare at a glance.
MAX_COMPARED = 5
STATUS_TAGS = {"Active": "show-good", "Pending": "show-busy", "Sold": "show-over"}
_MAX_WINDOWS = 4
_HUES = (12, 28, 44, 96, 168, 200, 222, 268, 330)


def home_cards(homes: Sequence[Home], heading: str) -> DisplayPart:
    """Return the homes as HTML. Needs the service's app context."""
    html = render_template(
        "cards.html",
        homes=homes,
        heading=heading,
        status_tags=STATUS_TAGS,
        picture=_picture,
        compared=1 < len(homes) <= MAX_COMPARED,
        cheapest=min((home.price for home in homes), default=0),
    )
    return DisplayPart("homes.html", "text/html", html)


def _picture(home: Home) -> str:
    """Draw a home of this kind, always the same for the same listing. Return a data: URL."""
    seed = hashlib.sha256(home.listing_id.encode()).digest()
    svg = render_template(
        "picture.svg",
        kind=home.property_type,
        windows=min(max(home.bedrooms, 1), _MAX_WINDOWS),
        hue=_HUES[seed[0] % len(_HUES)],
        sun=20 + seed[1] % 120,
        hill=seed[2] % 16,
        tree=seed[3] % 2,
    )
    return data_url("".join(line.strip() for line in svg.splitlines()))
