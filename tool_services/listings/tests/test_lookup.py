"""Listings by id, for other services."""

from __future__ import annotations

import pytest

from tests.tool_services.support.services import Service

# On PostgreSQL as well.
pytestmark = pytest.mark.engines


def test_listings_come_in_the_order_of_the_ids_each_once(listings: Service) -> None:
    answer = listings.get("/listings?ids=l005,L001,L005")
    assert [home["listingId"] for home in answer.body["listings"]] == ["L005", "L001"]


def test_unknown_ids_are_each_named_beside_similar_ones(listings: Service) -> None:
    answer = listings.get("/listings?ids=L001,L099,X1")
    assert (answer.status, answer.code) == (422, "unknown_listing")
    assert "L099, X1" in answer.message
    assert "L019, L020, L018, L017, L016" in answer.message


@pytest.mark.parametrize(
    "query",
    [
        *("", "?ids=", "?ids=,,", "?ids=L%00"),
        "?ids=" + ",".join(f"L{number:03}" for number in range(51)),
        "?ids=" + "L" * 41,
    ],
)
def test_ids_that_are_missing_too_many_or_too_long_are_refused(
    listings: Service, query: str
) -> None:
    answer = listings.get("/listings" + query)
    assert (answer.status, answer.code) == (422, "invalid_arguments")


@pytest.mark.parametrize("path", ["/listings?ids=L001", "/market?area=Portland"])
def test_other_services_need_a_token_with_the_scope(listings: Service, path: str) -> None:
    assert listings.request("GET", path).status == 401
    assert listings.request("GET", path, listings.token(scope="outbox:read")).status == 403
