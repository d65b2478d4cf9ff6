from __future__ import annotations

from typing import Any

import pytest

from tests.tool_services.conftest import World
from tool_services.listings.models import Listing, db
from tool_services.listings.search import MOST_RESULTS


def ids(world: World, **arguments: Any) -> list[str]:
    result = world.listings.call("findListings", arguments).result
    assert result["total"] == len(result["listings"])
    return [listing["listingId"] for listing in result["listings"]]


def test_a_listing_is_shown_with_its_whole_address_price_rooms_and_status(world: World) -> None:
    result = world.listings.call("findListings", {"city": "Seattle", "status": "Sold"}).result
    assert result == {
        "total": 1,
        "listings": [
            {
                "listingId": "L013",
                "address": "159 Magnolia Street",
                "city": "Seattle",
                "state": "WA",
                "zipCode": "98104",
                "price": 1150000,
                "bedrooms": 3,
                "bathrooms": 3,
                "status": "Sold",
            }
        ],
    }


def test_three_bedrooms_in_portland_under_900000_cheapest_first(world: World) -> None:
    found = ids(world, city="Portland", minBedrooms=3, maxPrice=900_000)
    assert found == ["L008", "L020", "L014", "L018", "L002", "L001", "L010"]


@pytest.mark.parametrize("city", ["portland", "PORTLAND", " Portland "])
def test_the_city_is_read_in_any_case(world: World, city: str) -> None:
    assert len(ids(world, city=city)) == 11


@pytest.mark.parametrize("state", ["WA", "wa", "Washington", "washington "])
def test_the_state_is_read_in_any_case_and_by_name(world: World, state: str) -> None:
    assert len(ids(world, state=state)) == 9


def test_conditions_narrow_the_search_together(world: World) -> None:
    assert ids(world, state="WA", minBedrooms=5, maxPrice=1_300_000, status="Active") == ["L003"]


def test_a_price_equal_to_the_limit_is_within_it(world: World) -> None:
    assert ids(world, maxPrice=425_000) == ["L012"]
    assert ids(world, maxPrice=424_999.99) == []


def test_half_bathrooms_are_shown_as_such(world: World) -> None:
    result = world.listings.call("findListings", {"maxPrice": 575_000}).result
    assert [listing["bathrooms"] for listing in result["listings"]] == [1, 1.5, 1.5]


def test_nothing_that_matches_is_an_empty_list(world: World) -> None:
    assert ids(world, city="Atlantis") == []


@pytest.mark.parametrize("city", ["' OR 1=1 --", "%", "Portl_nd", "Порт\u0000", "🏠"])
def test_hostile_text_is_only_a_city_that_is_not_there(world: World, city: str) -> None:
    assert ids(world, city=city) == []


def test_a_long_result_is_cut_and_counted(world: World) -> None:
    with world.listings.app.app_context():
        db.session.add_all(
            Listing(
                ListingId=f"B{number:03}",
                StreetAddress=f"{number} Long Road",
                City="Boise",
                StateOrProvince="ID",
                PostalCode="83701",
                ListPrice=300_000 + number,
                BedroomsTotal=2,
                BathroomsTotal=1.0,
                StandardStatus="Active",
            )
            for number in range(60)
        )
        db.session.commit()
    result = world.listings.call("findListings", {"state": "idaho"}).result
    assert result["total"] == 60
    assert [one["listingId"] for one in result["listings"]] == [
        f"B{number:03}" for number in range(MOST_RESULTS)
    ]


def test_other_services_read_listings_by_id_in_the_order_asked(world: World) -> None:
    answer = world.listings.get("/listings?ids=l005,L001,L005")
    assert [listing["listingId"] for listing in answer.body["listings"]] == ["L005", "L001"]


def test_unknown_ids_are_each_named(world: World) -> None:
    answer = world.listings.get("/listings?ids=L001,L099,X1")
    assert (answer.status, answer.code) == (422, "unknown_listing")
    assert answer.message == (
        "No listing has the id L099, X1. "
        "Ids look like L001; findListings shows those that there are."
    )


@pytest.mark.parametrize("query", ["", "?ids=", "?ids=,,", "?ids=" + ",".join("ABCDEFGHIJ" * 6)])
def test_reading_by_id_takes_some_ids(world: World, query: str) -> None:
    answer = world.listings.get("/listings" + query)
    assert answer.status == 422


def test_reading_by_id_takes_at_most_50_ids(world: World) -> None:
    answer = world.listings.get("/listings?ids=" + ",".join(f"L{n:03}" for n in range(51)))
    assert (answer.status, answer.code) == (422, "invalid_arguments")


def test_reading_by_id_takes_a_token_with_the_scope(world: World) -> None:
    assert world.listings.request("GET", "/listings?ids=L001").status == 401
    token = world.issuer.token(world.listings.url, scope="outbox:read")
    assert world.listings.request("GET", "/listings?ids=L001", token).status == 403
