"""Homes as people see them."""

from __future__ import annotations

import re

# It reads only what the service has drawn.
from xml.etree import ElementTree  # nosec B405

from tests.tool_services.support.display import display_parts, images
from tests.tool_services.support.services import Service


def html_of(listings: Service, **search: object) -> str:
    [part] = display_parts(listings, "findListings", **search)
    return part.text


def test_homes_are_cards_with_an_image_each(listings: Service) -> None:
    html = html_of(listings, city="Portland", minBedrooms=3, maxPrice=900_000)
    assert "7 homes" in html
    assert html.count('class="show-card"') == len(images(html)) == 7
    card = html[html.index("123 Oak Street") - 500 :]
    for words in ("$825,000", "Active", "Portland, OR 97201", "3 beds · 2 baths · House", "L001"):
        assert words in card
    assert "<table>" not in html


def test_a_few_homes_are_compared_in_a_table_too(listings: Service) -> None:
    html = html_of(listings, limit=3)
    rows = re.findall(r'<tr><th scope="row">(\w+)</th>(.*?)</tr>', html)
    assert len(rows) == html.count('class="show-card"') == 3
    cheapest, *_ = listings.call("findListings", {"limit": 3}).result["listings"]
    assert [name for name, cells in rows if "show-best" in cells] == [cheapest["listingId"]]


def test_the_heading_says_which_page_it_is(listings: Service) -> None:
    assert "2 of 20 homes, page 2" in html_of(listings, limit=2, page=2)


def test_nothing_is_shown_if_nothing_is_found(listings: Service) -> None:
    assert display_parts(listings, "findListings", city="Nowhere") == []


def test_a_home_always_looks_the_same_and_most_look_different(listings: Service) -> None:
    first, second = (
        [ElementTree.tostring(image) for image in images(html_of(listings))] for _ in range(2)
    )
    assert first == second
    assert len(set(first)) > len(first) / 2
