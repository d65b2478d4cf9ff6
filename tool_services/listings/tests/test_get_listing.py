"""The getListing tool."""

from __future__ import annotations

import pytest
from jsonschema_rs import Draft202012Validator

from tests.tool_services.support.display import display_parts
from tests.tool_services.support.services import Service

# On PostgreSQL as well.
pytestmark = pytest.mark.engines


def test_a_home_is_told_by_its_id_with_what_its_seller_says(listings: Service) -> None:
    answer = listings.call("getListing", {"listingId": "l003"})
    [found] = [
        home
        for home in listings.call("findListings", {}).result["listings"]
        if home["listingId"] == "L003"
    ]
    told = answer.result
    assert told.items() >= found.items()
    assert told.keys() - found.keys() == {"description", "onMarketDate"}
    words = told["description"].partition(" ")[0]
    by_words = listings.call("findListings", {"query": words, "city": found["city"]}).result
    assert found in by_words["listings"]
    [schema] = [
        tool["outputSchema"]
        for tool in listings.request("GET", "/tools").body["tools"]
        if tool["name"] == "getListing"
    ]
    Draft202012Validator(schema).validate(told)


def test_it_is_shown_as_a_card(listings: Service) -> None:
    [card] = display_parts(listings, "getListing", listingId="L003")
    assert "Listing L003" in card.text
    assert card.text.count("show-card") == 1


def test_an_unknown_id_is_told_with_similar_ones(listings: Service) -> None:
    answer = listings.call("getListing", {"listingId": "L099"})
    assert (answer.status, answer.code) == (422, "unknown_listing")
    assert "L019" in answer.message
