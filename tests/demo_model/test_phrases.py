"""Phrases about prices, bedrooms, statuses, ids and addresses are understood."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo_model.phrases import (
    NUMBERS,
    email_address,
    fewest_bedrooms,
    highest_price,
    listing_ids,
    not_filtered,
    statuses,
    without_email,
)

LIMITS = st.sampled_from(["under", "below", "max", "up to", "at most", "less than", "Under", "<"])
BEDS = st.sampled_from(["bedroom", "bedrooms", "bed", "beds", "br", "BR", "bd", "Bedrooms"])


@given(LIMITS, st.integers(10_000, 99_000_000))
def test_a_price_is_read_in_full_with_or_without_commas_and_dollar_signs(
    limit: str, price: int | None
) -> None:
    for figure in (f"{price}", f"${price:,}", f"{price:,} dollars", f"$ {price}"):
        assert highest_price(f"homes {limit} {figure} please") == price


@given(LIMITS, st.integers(1, 9_999), st.sampled_from(["k", "K", " thousand", " grand"]))
def test_a_price_is_read_in_thousands(limit: str, thousands: int, unit: str) -> None:
    assert highest_price(f"{limit} ${thousands}{unit}") == thousands * 1_000


@given(LIMITS, st.integers(1, 999), st.sampled_from(["m", "M", " million", "mil"]))
def test_a_price_is_read_in_millions(limit: str, tenths: int, unit: str) -> None:
    assert highest_price(f"{limit} {tenths / 10}{unit}") == tenths * 100_000


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("under 900", 900_000),
        ("900k or less", 900_000),
        ("$750,000 max", 750_000),
        ("between 500k and 700k", 700_000),
        ("my budget is 1.2m", 1_200_000),
        ("no more than 800k", 800_000),
        ("under 4 bedrooms", None),
        ("under 30 days", None),
        ("under 5", None),
        ("over $500k", None),
    ],
)
def test_a_highest_price_is_read_only_where_one_is_meant(text: str, price: int | None) -> None:
    assert highest_price(text) == price


@given(st.sampled_from(list(NUMBERS)), BEDS, st.sampled_from([" ", "-"]))
def test_bedrooms_are_read_in_words_and_figures(word: str, beds: str, joint: str) -> None:
    assert fewest_bedrooms(f"a {word}{joint}{beds} home") == NUMBERS[word]
    assert fewest_bedrooms(f"a {NUMBERS[word]}{joint}{beds} home") == NUMBERS[word]


@pytest.mark.parametrize(
    ("text", "bedrooms"),
    [
        ("4+ beds", 4),
        ("4 or more bedrooms", 4),
        ("3 or 4 bedrooms", 3),
        ("3-4 bedrooms", 3),
        ("at most 3 bedrooms", None),
        ("3 bathrooms", None),
        ("a bedroom", None),
    ],
)
def test_of_bedrooms_the_fewest_count(text: str, bedrooms: int | None) -> None:
    assert fewest_bedrooms(text) == bedrooms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("homes for sale", ("Active",)),
        ("PENDING", ("Pending",)),
        ("under contract", ("Pending",)),
        ("activewear", ()),
    ],
)
def test_a_status_is_named_as_the_listings_name_it(text: str, expected: tuple[str, ...]) -> None:
    assert statuses(text) == expected


def test_listing_ids_come_once_in_upper_case_and_in_order() -> None:
    assert listing_ids("l003, L001 and L003 (not A1)") == ("L003", "L001")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("send to Ann.Lee+home@mail.example.com.", "Ann.Lee+home@mail.example.com"),
        ("<ann@example.com>", "ann@example.com"),
        ("ann@", None),
        ("ann@example", None),
        ("@example.com", None),
    ],
)
def test_only_a_complete_address_is_an_address(text: str, address: str | None) -> None:
    assert email_address(text) == address


def test_an_address_is_not_read_as_anything_else() -> None:
    assert listing_ids(without_email("send L001 to l002@example.com")) == ("L001",)


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("with 2 bathrooms", "bathrooms"),
        ("with a pool", "pools"),
        ("near good schools", "schools"),
        ("homes in 97201", "postal codes"),
        ("over $500k", "a lowest price"),
        ("between 500k and 700k", "a lowest price"),
        ("at most 3 bedrooms", "a highest number of bedrooms"),
        ("$500k homes", "an exact price"),
    ],
)
def test_a_wish_that_no_search_can_heed_is_noticed(text: str, wish: str) -> None:
    assert wish in not_filtered(text)


@pytest.mark.parametrize("text", ["3-bedroom homes under $900,000", "not over 600k", "4+ beds"])
def test_wishes_that_a_search_heeds_are_not_disclaimed(text: str) -> None:
    assert not_filtered(text) == ()
