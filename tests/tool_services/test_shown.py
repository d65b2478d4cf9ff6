"""What the tools show people: the same figures that the model reads, to look at."""

from __future__ import annotations

import base64
import csv
import io
import re
from typing import Any
from xml.etree import ElementTree

import pytest

from app.tools.display import sanitise_html
from tests.tool_services.conftest import Service, World
from tool_services.framework.charts import bars, data_url, dollars, in_words, line
from tool_services.framework.tools import JsonObject

pytestmark = pytest.mark.databases


def shown(service: Service, tool: str, arguments: JsonObject) -> list[Any]:
    """The parts of a tool's answer that are for people: (uri, media type, text)."""
    headers = {
        "Authorization": f"Bearer {service.issuer.token(service.url)}",
        "Accept": "application/json",
    }
    params = {"name": tool, "arguments": arguments}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    content = service.raw(message, headers).json()["result"]["content"]
    assert content[0]["type"] == "text"
    for block in content[1:]:
        assert block["annotations"] == {"audience": ["user"]}
        resource = block["resource"]
        if resource["mimeType"] == "text/html":
            # Nothing in it is more than the app lets through.
            assert plain(sanitise_html(resource["text"])) == plain(resource["text"])
    return [
        (one["uri"], one["mimeType"], one["text"])
        for one in (block["resource"] for block in content[1:])
    ]


def plain(html: str) -> str:
    """Without what the sanitiser writes in another way."""
    return re.sub(r"\s|class=\"[^\"]*\"", "", html).replace("&#39;", "'").replace("&#34;", '"')


def pictures(html: str) -> list[ElementTree.Element]:
    """Every picture in it, as the SVG that it is."""
    found = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', html)
    drawings = [ElementTree.fromstring(base64.b64decode(one)) for one in found]  # noqa: S314
    assert all(drawing.tag.endswith("svg") for drawing in drawings)
    return drawings


def page(service: Service, tool: str, **arguments: Any) -> str:
    return str(shown(service, tool, arguments)[0][2])


def test_homes_are_cards_with_a_picture_each(world: World) -> None:
    html = page(world.listings, "findListings", city="Portland", minBedrooms=3, maxPrice=900_000)
    assert "<h2>7 homes</h2>" in html
    assert html.count('class="show-card"') == len(pictures(html)) == 7
    card = html[html.index("123 Oak Street") - 500 :]
    for words in ("$825,000", "Active", "Portland, OR 97201", "3 beds · 2 baths · House", "L001"):
        assert words in card
    assert "Side by side" not in html


def test_a_few_homes_are_compared_too(world: World) -> None:
    html = page(world.listings, "findListings", limit=3)
    rows = re.findall(r'<tr><th scope="row">(\w+)</th>(.*?)</tr>', html)
    assert len(rows) == html.count('class="show-card"') > 1
    best = [name for name, cells in rows if "show-best" in cells]
    found = world.listings.call("findListings", {"limit": 3}).result["listings"]
    assert best == [found[0]["listingId"]]


def test_which_page_it_is_is_said(world: World) -> None:
    html = page(world.listings, "findListings", limit=2, page=2)
    assert "<h2>2 of 20 homes, page 2</h2>" in html
    assert shown(world.listings, "findListings", {"city": "Nowhere"}) == []


def test_the_same_home_always_looks_the_same_and_each_kind_has_its_own(world: World) -> None:
    html = page(world.listings, "findListings")
    found = world.listings.call("findListings", {}).result["listings"]
    drawings = [ElementTree.tostring(one) for one in pictures(html)]
    again = [ElementTree.tostring(one) for one in pictures(page(world.listings, "findListings"))]
    assert drawings == again
    assert len(set(drawings)) > len(found) / 2


def test_a_market_is_drawn_and_said_in_words(world: World) -> None:
    html = page(world.analytics, "getMarketAnalysis", area="Portland, OR")
    assert "$785,000" in html
    assert "+8.5 %" in html
    assert len(pictures(html)) == 2
    prices, homes = re.findall(r'alt="([^"]+)"', html)
    assert prices.startswith("Average price by quarter. Q1 22: $")
    counts = [int(count) for count in re.findall(r": (\d+)", homes)]
    assert sum(counts) == 156


def test_one_listing_s_figures_are_large_and_several_are_compared(world: World) -> None:
    html = page(world.analytics, "getListingMetrics", listingIds=["L001"])
    assert "How L001 is doing" in html
    assert '<dd class="show-large">1,250</dd>' in html
    html = page(world.analytics, "getListingMetrics", listingIds=["L001", "L009"])
    assert "How 2 listings are doing" in html
    [first, second] = re.findall(r'<tr><th scope="row">\w+</th>(.*?)</tr>', html)
    assert first.count("show-best") == 0
    assert second.count("show-best") == 6


def test_a_report_is_a_page_and_a_table_of_the_same_figures(world: World) -> None:
    listings = {"listingIds": ["L001", "L003", "L009"]}
    result = world.analytics.call("generatePerformanceReport", listings).result
    report, table = shown(world.analytics, "generatePerformanceReport", listings)
    assert report[0] == "ui://analytics/performance-report.html"
    assert f"{result['summary']['totalViews']:,}" in report[2]
    for advice in result["summary"]["recommendations"]:
        assert advice in report[2]
    assert len(pictures(report[2])) == 2
    assert table[:2] == ("ui://analytics/performance-report.csv", "text/csv")
    rows = list(csv.DictReader(io.StringIO(table[2])))
    wanted = [{**line, **line["metrics"]} for line in result["listings"]]
    for row, line_ in zip(rows, wanted, strict=True):
        line_.pop("metrics")
        assert row == {name: str(value) for name, value in line_.items()}


def test_a_preview_shows_the_letter_and_sends_nothing(world: World) -> None:
    token = world.issuer.token(world.listings.url)
    arguments = {"listingIds": ["L001"], "recipientEmail": "ann@example.com"}
    body = {"name": "sendListingReport", "arguments": arguments}
    answer = world.listings.request("POST", "/tools/preview", token, json=body)
    [block] = answer.body["content"]
    assert "123 Oak Street, Portland, OR 97201" in block["resource"]["text"]
    token = world.issuer.token(world.listings.url, scope="outbox:read")
    assert world.listings.request("GET", "/outbox", token).body["messages"] == []


def test_a_preview_needs_a_token_and_arguments_that_fit(world: World) -> None:
    body = {"name": "sendListingReport", "arguments": {"listingIds": ["L001"]}}
    assert world.listings.request("POST", "/tools/preview", json=body).status == 401
    token = world.issuer.token(world.listings.url)
    answer = world.listings.request("POST", "/tools/preview", token, json=body)
    assert (answer.status, answer.message) == (422, "missing: recipientEmail.")
    body = {"name": "findListings", "arguments": {}}
    answer = world.listings.request("POST", "/tools/preview", token, json=body)
    assert answer.body == {"content": []}


def test_charts_hold_nothing_but_what_is_drawn() -> None:
    for drawing in (bars(["a", "b"], [1, 2]), line(["a", "b"], [1, 2], dollars)):
        tree = ElementTree.fromstring(drawing)  # noqa: S314
        names = {element.tag.rpartition("}")[2] for element in tree.iter()}
        assert names <= {"svg", "style", "g", "path", "rect", "circle", "text"}
        assert "prefers-color-scheme:dark" in drawing
        assert "<!" not in drawing
        assert (
            sanitise_html(f'<img src="{data_url(drawing)}">') == f'<img src="{data_url(drawing)}">'
        )


def test_amounts_are_written_for_people() -> None:
    assert [dollars(one) for one in (825_400, 1_000_000, 1_250_000)] == ["$825k", "$1M", "$1.25M"]
    assert in_words(["a", "b"], [1200, 3]) == "a: 1,200; b: 3"
