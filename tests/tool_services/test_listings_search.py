from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, text

from tests.tool_services.conftest import World
from tool_services.listings.find_listings import MOST_COUNTED, MOST_RESULTS
from tool_services.listings.models import Listing, db
from tool_services.listings.text_search import FARTHEST

# On PostgreSQL as well.
pytestmark = pytest.mark.databases


def ids(world: World, **arguments: Any) -> list[str]:
    result = world.listings.call("findListings", arguments).result
    assert result["total"] == len(result["listings"])
    return [listing["listingId"] for listing in result["listings"]]


def test_a_listing_is_shown_with_its_whole_address_price_rooms_and_status(world: World) -> None:
    result = world.listings.call("findListings", {"city": "Seattle", "status": "Sold"}).result
    assert result == {
        "total": 1,
        "totalIsExact": True,
        "page": 1,
        "nextPage": None,
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
                "propertyType": "House",
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


@pytest.mark.parametrize("city", ["' OR 1=1 --", "%", "Portl_nd", "Порт", "🏠"])
def test_hostile_text_is_only_a_city_that_is_not_there(world: World, city: str) -> None:
    assert ids(world, city=city) == []


def boise(world: World, count: int) -> None:
    with world.listings.app.app_context():
        db.session.execute(
            insert(Listing),
            [
                {
                    "ListingId": f"B{number:05}",
                    "StreetAddress": f"{number} Long Road",
                    "City": "Boise",
                    "CityKey": "boise",
                    "StateOrProvince": "ID",
                    "PostalCode": "83701",
                    "ListPrice": 300_000 + number,
                    "BedroomsTotal": 2,
                    "BathroomsTotal": 1.0,
                    "StandardStatus": "Active",
                    "PropertyType": "House",
                    "PublicRemarks": "Like the others.",
                    "OnMarketDate": date(2024, 1, 1) + timedelta(days=number % 7),
                }
                for number in range(count)
            ],
        )
        db.session.commit()


def test_a_long_result_comes_in_pages_and_is_counted(world: World) -> None:
    boise(world, 60)
    search = {"state": "idaho", "limit": 25}
    seen = []
    for page, following in ((1, 2), (2, 3), (3, None)):
        result = world.listings.call("findListings", search | {"page": page}).result
        assert (result["total"], result["totalIsExact"]) == (60, True)
        assert (result["page"], result["nextPage"]) == (page, following)
        seen += [one["listingId"] for one in result["listings"]]
    assert seen == [f"B{number:05}" for number in range(60)]
    beyond = world.listings.call("findListings", search | {"page": 9}).result
    assert (beyond["total"], beyond["listings"], beyond["nextPage"]) == (60, [], None)


def test_a_page_has_at_most_so_many(world: World) -> None:
    boise(world, MOST_RESULTS + 1)
    result = world.listings.call("findListings", {"state": "ID"}).result
    assert len(result["listings"]) == MOST_RESULTS
    assert result["total"] == MOST_RESULTS + 1


def test_more_than_anybody_counts_is_said_to_be_more(world: World) -> None:
    boise(world, MOST_COUNTED + 1)
    result = world.listings.call("findListings", {"city": "Boise", "limit": 1}).result
    assert (result["total"], result["totalIsExact"]) == (MOST_COUNTED, False)


@pytest.mark.parametrize("sort", ["cheapest", "dearest", "newest"])
def test_words_that_many_have_come_in_order_and_about_so_many(world: World, sort: str) -> None:
    count = FARTHEST + 500
    boise(world, count)
    with world.listings.app.app_context():
        db.session.execute(text("ANALYZE listings"))
        db.session.commit()
    search = {"state": "ID", "sort": sort, "limit": 50}
    for page in (1, 2, count // 50 + 1):
        with_words = world.listings.call(
            "findListings", search | {"page": page, "query": "others"}
        ).result
        without = world.listings.call("findListings", search | {"page": page}).result
        assert with_words["listings"] == without["listings"]
        assert with_words["nextPage"] == without["nextPage"]
        assert with_words["totalIsExact"] or with_words["nextPage"]
        assert count / 2 < with_words["total"] < count * 2
        assert with_words["total"] == count or not with_words["totalIsExact"]


def found(world: World, **arguments: Any) -> list[str]:
    result = world.listings.call("findListings", arguments).result
    return [listing["listingId"] for listing in result["listings"]]


def test_each_further_condition_narrows_the_search(world: World) -> None:
    assert found(world, maxBedrooms=2, maxPrice=600_000) == ["L012", "L016"]
    assert found(world, minPrice=1_800_000) == ["L007", "L011"]
    assert found(world, minBathrooms=3.5) == ["L003", "L015", "L007", "L011"]
    assert found(world, propertyType="Townhouse") == ["L020", "L014"]


def test_sorting_turns_the_order_round(world: World) -> None:
    assert found(world, sort="dearest", limit=2) == ["L011", "L007"]
    assert found(world, sort="newest", limit=2) == ["L009", "L003"]
    assert found(world, sort="cheapest", limit=1) == ["L012"]


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("view of the lake", ["L011"]),
        ("LAKE", ["L015", "L007", "L011"]),
        ("gardens", ["L012", "L008", "L020", "L018", "L001"]),
        ("oak street", ["L001"]),
        ("97217", ["L020"]),
        ("roof-terrace", ["L014", "L003"]),
        ("unicorn", []),
        ('" OR 1=1 --', []),
        ("a house NOT near the lake", ["L015", "L007"]),
    ],
)
def test_words_are_looked_for_in_description_and_address(
    world: World, query: str, ids: list[str]
) -> None:
    assert found(world, query=query) == ids


@pytest.mark.parametrize("query", ["...", "🏠", '"*"', "with a"])
def test_a_search_for_words_needs_a_word(world: World, query: str) -> None:
    answer = world.listings.call("findListings", {"query": query})
    assert answer.message == f"query must hold a word to look for, not {query!r}."


@pytest.mark.parametrize(
    ("low", "high"), [("minPrice", "maxPrice"), ("minBedrooms", "maxBedrooms")]
)
def test_a_range_that_holds_nothing_is_refused(world: World, low: str, high: str) -> None:
    answer = world.listings.call("findListings", {low: 3, high: 2})
    assert (answer.status, answer.message) == (422, f"{low} must not be more than {high}.")


def test_changed_words_are_found_and_the_old_ones_are_not(world: World) -> None:
    with world.listings.app.app_context():
        home = db.session.scalars(select(Listing).where(Listing.ListingId == "L011")).one()
        home.PublicRemarks = "Now with a helipad."
        db.session.commit()
    assert found(world, query="helipad") == ["L011"]
    assert found(world, query="cellar") == []


def test_other_services_read_listings_by_id_in_the_order_asked(world: World) -> None:
    answer = world.listings.get("/listings?ids=l005,L001,L005")
    assert [listing["listingId"] for listing in answer.body["listings"]] == ["L005", "L001"]


def test_unknown_ids_are_each_named(world: World) -> None:
    answer = world.listings.get("/listings?ids=L001,L099,X1")
    assert (answer.status, answer.code) == (422, "unknown_listing")
    assert answer.message == (
        "No listing has the id L099, X1. The nearest ids: L019, L020, L018, L017, L016."
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
