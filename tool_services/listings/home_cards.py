"""Homes as people like to see them: cards with a small drawn picture, and side by side."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from flask import render_template

from tool_services.framework.charts import data_url
from tool_services.framework.tools import Part
from tool_services.listings.home import Home

# More than these nobody compares at a glance.
MOST_COMPARED = 5
TONES = {"Active": "show-good", "Pending": "show-busy", "Sold": "show-over"}
_WINDOWS = 4
_HUES = (12, 28, 44, 96, 168, 200, 222, 268, 330)


def cards(homes: Sequence[Home], count: str) -> Part:
    """`count` says how many there are, for people."""
    return Part(
        "homes.html",
        "text/html",
        render_template(
            "cards.html",
            homes=homes,
            count=count,
            tones=TONES,
            picture=picture,
            compared=1 < len(homes) <= MOST_COMPARED,
            cheapest=min((home.price for home in homes), default=0),
        ),
    )


def picture(home: Home) -> str:
    """The address of a drawing of a home of this kind, always the same for the same listing."""
    seed = hashlib.sha256(home.listing_id.encode()).digest()
    drawing = render_template(
        "picture.svg",
        kind=home.property_type,
        windows=min(max(home.bedrooms, 1), _WINDOWS),
        hue=_HUES[seed[0] % len(_HUES)],
        sun=20 + seed[1] % 120,
        hill=seed[2] % 16,
        tree=seed[3] % 2,
    )
    return data_url("".join(line.strip() for line in drawing.splitlines()))
