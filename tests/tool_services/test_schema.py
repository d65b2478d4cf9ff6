from __future__ import annotations

from typing import Any

import pytest

from tool_services.framework.arguments import check_arguments
from tool_services.framework.errors import InvalidArgumentsError
from tool_services.listings.find_listings import FIND_LISTINGS
from tool_services.listings.send_listing_report import listing_report_tool

SEND_LISTING_REPORT = listing_report_tool(None)
MANY = [f"L{number:03}" for number in range(51)]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "arguments must be an object, not []."),
        ({"city": 5}, "city must be a text, not 5."),
        ({"city": "Port\0land"}, "The arguments must not hold the character NUL."),
        ({"ci\0ty": ["x"]}, "The arguments must not hold the character NUL."),
        ({"city": ["\0"]}, "The arguments must not hold the character NUL."),
        ({"city": ""}, 'city must have at least 1 character(s), not "".'),
        ({"minBedrooms": 1.5}, "minBedrooms must be a whole number, not 1.5."),
        ({"minBedrooms": True}, "minBedrooms must be a whole number, not true."),
        ({"minBedrooms": -1}, "minBedrooms must be at least 0, not -1."),
        ({"minBedrooms": 10**30}, f"minBedrooms must be at most 100, not {10**30}."),
        ({"maxPrice": 0}, "maxPrice must be more than 0, not 0."),
        ({"maxPrice": "900k"}, 'maxPrice must be a number, not "900k".'),
        ({"status": "active"}, 'status must be one of Active, Pending, Sold, not "active".'),
        (
            {"price": 1, "beds": 2},
            "unknown: price, beds (the fields are city, state, minBedrooms, maxBedrooms,"
            " minBathrooms, minPrice, maxPrice, propertyType, status, query, sort, limit, page).",
        ),
        (
            {"maxPrice": 0, "minBedrooms": -1},
            "maxPrice must be more than 0, not 0; minBedrooms must be at least 0, not -1.",
        ),
    ],
)
def test_each_wrong_search_field_is_named_with_what_would_do(arguments: Any, sentence: str) -> None:
    with pytest.raises(InvalidArgumentsError) as refused:
        check_arguments(FIND_LISTINGS.input_schema, arguments)
    assert refused.value.message == sentence


@pytest.mark.parametrize(
    ("listing_ids", "sentence"),
    [
        ([], "listingIds must have at least 1 item(s), not []."),
        ([""], 'listingIds[0] must have at least 1 character(s), not "".'),
        (["L001", 2], "listingIds[1] must be a text, not 2."),
        (["L001", "L001"], 'listingIds must not hold anything twice, not ["L001", "L001"].'),
        ("L001", 'listingIds must be a list, not "L001".'),
    ],
)
def test_each_wrong_list_of_ids_is_told(listing_ids: Any, sentence: str) -> None:
    arguments = {"listingIds": listing_ids, "recipientEmail": "ann@example.com"}
    with pytest.raises(InvalidArgumentsError) as refused:
        check_arguments(SEND_LISTING_REPORT.input_schema, arguments)
    assert refused.value.message == sentence


def test_a_long_wrong_value_is_shown_in_part() -> None:
    with pytest.raises(InvalidArgumentsError) as refused:
        check_arguments(
            SEND_LISTING_REPORT.input_schema,
            {"listingIds": MANY, "recipientEmail": "ann@example.com"},
        )
    assert refused.value.message.startswith('listingIds must have at most 50 items, not ["L000"')
    assert refused.value.message.endswith("….")


def test_every_missing_field_is_named_once() -> None:
    with pytest.raises(InvalidArgumentsError, match=r"^missing: listingIds, recipientEmail\.$"):
        check_arguments(SEND_LISTING_REPORT.input_schema, {})


@pytest.mark.parametrize(
    "address",
    ["ann", "ann@", "ann@x@example.com", "a b@example.com", "ann@example.com\nBcc: b@c.de"],
)
def test_only_one_plain_mail_address_is_a_recipient(address: str) -> None:
    with pytest.raises(InvalidArgumentsError, match="recipientEmail must be an e-mail address"):
        check_arguments(
            SEND_LISTING_REPORT.input_schema, {"listingIds": ["L001"], "recipientEmail": address}
        )


def test_a_whole_number_may_be_written_with_a_fraction_of_zero() -> None:
    check_arguments(FIND_LISTINGS.input_schema, {"minBedrooms": 3.0, "maxPrice": 1e5})
