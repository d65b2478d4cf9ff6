"""The findListings tool."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator
from sqlalchemy import insert, select, text

from tests.tool_services.support.services import Service
from tool_services.listings.models import Listing, db
from tool_services.listings.text_search import SCAN_ROWS
from tool_services.listings.tools.find_listings import MAX_COUNTED, MAX_RESULTS

# On PostgreSQL as well.
pytestmark = pytest.mark.engines


def find(listings: Service, **arguments: Any) -> Any:
    return listings.call("findListings", arguments).result


def ids(listings: Service, **arguments: Any) -> list[str]:
    return [home["listingId"] for home in find(listings, **arguments)["listings"]]


def test_a_home_comes_with_its_address_price_rooms_and_status(listings: Service) -> None:
    result = find(listings, city="Seattle", status="Sold")
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
        "note": None,
    }
    schema = listings.request("GET", "/tools").body["tools"][0]["outputSchema"]
    Draft202012Validator(schema).validate(result)


def test_three_bedrooms_in_portland_under_900000_come_cheapest_first(listings: Service) -> None:
    found = ids(listings, city="Portland", minBedrooms=3, maxPrice=900_000)
    assert found == ["L008", "L020", "L014", "L018", "L002", "L001", "L010"]


@pytest.mark.parametrize(
    ("place", "count"),
    [
        *(({"city": city}, 11) for city in ("portland", "PORTLAND", " Portland ")),
        *(({"state": state}, 9) for state in ("WA", "wa", "Washington", "washington ")),
    ],
)
def test_a_place_is_read_in_any_case_and_a_state_by_name(
    listings: Service, place: dict[str, str], count: int
) -> None:
    assert find(listings, **place)["total"] == count


@pytest.mark.parametrize(
    ("conditions", "noted"),
    [
        ({"city": "Portland", "minBedrooms": 6}, ["11 without minBedrooms 6"]),
        (
            {"city": "Portland", "state": "WA", "status": "Active"},
            ["without city Portland", "without state WA"],
        ),
        ({"query": "garden", "maxPrice": 1}, ["without maxPrice 1"]),
        ({"city": "Atlantis", "minPrice": 900_000_000}, ["nor with any one condition less"]),
    ],
)
def test_a_search_without_a_match_says_what_matches_with_one_condition_less(
    listings: Service, conditions: dict[str, Any], noted: list[str]
) -> None:
    result = find(listings, **conditions)
    assert result["total"] == 0
    assert [words for words in noted if words not in result["note"]] == []
    for name in conditions:
        others = {other: conditions[other] for other in conditions if other != name}
        total = find(listings, **others)["total"]
        assert (f"{total} without {name}" in result["note"]) == bool(total)


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({"state": "WA", "minBedrooms": 5, "maxPrice": 1_300_000, "status": "Active"}, ["L003"]),
        ({"maxBedrooms": 2, "maxPrice": 600_000}, ["L012", "L016"]),
        ({"minPrice": 1_800_000}, ["L007", "L011"]),
        ({"minBathrooms": 3.5}, ["L003", "L015", "L007", "L011"]),
        ({"propertyType": "Townhouse"}, ["L020", "L014"]),
        ({"maxPrice": 425_000}, ["L012"]),
        ({"maxPrice": 424_999.99}, []),
        ({"minPrice": 425_000.01, "maxPrice": 426_000}, []),
        ({"city": "Atlantis"}, []),
    ],
)
def test_each_condition_narrows_the_search(
    listings: Service, conditions: dict[str, Any], expected: list[str]
) -> None:
    assert ids(listings, **conditions) == expected


def test_half_bathrooms_are_told(listings: Service) -> None:
    homes = find(listings, maxPrice=575_000)["listings"]
    assert [home["bathrooms"] for home in homes] == [1, 1.5, 1.5]


@pytest.mark.parametrize("city", ["' OR 1=1 --", "%", "Portl_nd", "Порт", "🏠"])
def test_hostile_text_is_only_a_city_that_does_not_exist(listings: Service, city: str) -> None:
    assert ids(listings, city=city) == []


@pytest.mark.parametrize(
    ("low", "high"), [("minPrice", "maxPrice"), ("minBedrooms", "maxBedrooms")]
)
def test_a_range_that_contains_nothing_is_refused(listings: Service, low: str, high: str) -> None:
    answer = listings.call("findListings", {low: 3, high: 2})
    assert (answer.status, answer.code) == (422, "invalid_arguments")
    assert low in answer.message


def test_results_can_be_sorted(listings: Service) -> None:
    assert ids(listings, sort="dearest", limit=2) == ["L011", "L007"]
    assert ids(listings, sort="newest", limit=2) == ["L009", "L003"]
    assert ids(listings, sort="cheapest", limit=1) == ["L012"]


def add_in_boise(listings: Service, count: int) -> None:
    with listings.app.app_context():
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


def test_a_long_result_comes_in_pages_and_is_counted(listings: Service) -> None:
    add_in_boise(listings, 60)
    seen = []
    for page, next_page in ((1, 2), (2, 3), (3, None)):
        result = find(listings, state="idaho", limit=25, page=page)
        assert (result["total"], result["totalIsExact"]) == (60, True)
        assert (result["page"], result["nextPage"]) == (page, next_page)
        seen += [home["listingId"] for home in result["listings"]]
    assert seen == [f"B{number:05}" for number in range(60)]
    beyond = find(listings, state="idaho", limit=25, page=9)
    assert (beyond["total"], beyond["listings"], beyond["nextPage"]) == (60, [], None)
    assert len(find(listings, state="idaho")["listings"]) == MAX_RESULTS


def test_counting_stops_at_a_number_that_is_told_as_not_exact(listings: Service) -> None:
    add_in_boise(listings, MAX_COUNTED + 1)
    result = find(listings, city="Boise", limit=1)
    assert (result["total"], result["totalIsExact"]) == (MAX_COUNTED, False)


@pytest.mark.parametrize(
    ("query", "expected"),
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
def test_words_are_searched_for_in_description_and_address(
    listings: Service, query: str, expected: list[str]
) -> None:
    assert ids(listings, query=query) == expected


@pytest.mark.parametrize("query", ["...", "🏠", '"*"', "with a"])
def test_a_query_needs_a_word(listings: Service, query: str) -> None:
    answer = listings.call("findListings", {"query": query})
    assert (answer.status, answer.code) == (422, "invalid_arguments")
    assert repr(query) in answer.message


def test_changed_words_are_found_and_the_old_ones_are_not(listings: Service) -> None:
    with listings.app.app_context():
        home = db.session.scalars(select(Listing).where(Listing.ListingId == "L011")).one()
        home.PublicRemarks = "Now with a helipad."
        db.session.commit()
    assert ids(listings, query="helipad") == ["L011"]
    assert ids(listings, query="cellar") == []


@pytest.mark.parametrize("sort", ["cheapest", "dearest", "newest"])
def test_words_that_many_listings_contain_give_the_same_pages_in_order(
    listings: Service, sort: str
) -> None:
    count = SCAN_ROWS + 500
    add_in_boise(listings, count)
    with listings.app.app_context():
        db.session.execute(text("ANALYZE listings"))
        db.session.commit()
    search = {"state": "ID", "sort": sort, "limit": 50}
    for page in (1, 2, count // 50 + 1):
        with_words = find(listings, **search, page=page, query="others")
        without = find(listings, **search, page=page)
        assert with_words["listings"] == without["listings"]
        assert with_words["nextPage"] == without["nextPage"]
        assert with_words["totalIsExact"] or with_words["nextPage"]
        assert count / 2 < with_words["total"] < count * 2
        assert with_words["total"] == count or not with_words["totalIsExact"]
