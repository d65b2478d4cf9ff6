"""Arguments: the schema that is published, and the sentence for each mistake."""

from __future__ import annotations

from datetime import date
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator
from pydantic import Field

from tool_services.framework.arguments import read_arguments
from tool_services.framework.errors import InvalidArgumentsError
from tool_services.framework.schemas import (
    ACCEPT_ZERO_FRACTION,
    Distinct,
    EmailAddress,
    Omittable,
    ToolArguments,
)

Count = Annotated[int, Field(ge=0, le=100), ACCEPT_ZERO_FRACTION]


class Kind(Enum):
    SHORT = "short"
    LONG = "long"


class Order(ToolArguments):
    """Must not be published: a model would pay for it."""

    item_ids: Annotated[
        list[Annotated[str, Field(min_length=1)]], Field(min_length=1, max_length=3), Distinct()
    ]
    max_price: Omittable[Annotated[float, Field(gt=0)]] = None
    how_many: Annotated[Omittable[Count], Field(description="Pieces")] = None
    size: Literal["small", "large"] = "small"
    recipient: Omittable[EmailAddress] = None


IDS = {"itemIds": ["a"]}


def test_the_schema_says_all_that_is_checked_and_nothing_else() -> None:
    assert Order.json_schema() == {
        "type": "object",
        "properties": {
            "itemIds": {
                "type": "array",
                "items": {"type": "string", "minLength": 1},
                "minItems": 1,
                "maxItems": 3,
                "uniqueItems": True,
            },
            "maxPrice": {"type": "number", "exclusiveMinimum": 0},
            "howMany": {"type": "integer", "minimum": 0, "maximum": 100, "description": "Pieces"},
            "size": {"type": "string", "enum": ["small", "large"], "default": "small"},
            "recipient": {"type": "string", "format": "email", "maxLength": 254},
        },
        "required": ["itemIds"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "arguments must be an object, not []."),
        (IDS | {"maxPrice": 0}, "maxPrice must be greater than 0, not 0."),
        (IDS | {"maxPrice": "900"}, 'maxPrice must be a valid number, not "900".'),
        (IDS | {"maxPrice": None}, "maxPrice must be a valid number, not null."),
        (IDS | {"howMany": 1.5}, "howMany must be a valid integer, not 1.5."),
        (IDS | {"howMany": True}, "howMany must be a valid integer, not true."),
        (IDS | {"size": "Small"}, "size must be 'small' or 'large', not \"Small\"."),
        ({"itemIds": "a"}, 'itemIds must be a valid array, not "a".'),
        ({"itemIds": ["a", 2]}, "itemIds[1] must be a valid string, not 2."),
        ({"itemIds": ["a", "a"]}, 'itemIds must not contain anything twice, not ["a", "a"].'),
        ({}, "missing: itemIds."),
        (
            IDS | {"max_price": 1},
            "unknown: max_price (the fields are itemIds, maxPrice, howMany, size, recipient).",
        ),
        ({"maxPrice": 0}, "maxPrice must be greater than 0, not 0; missing: itemIds."),
        (IDS | {"size": "x" * 200}, "size must be 'small' or 'large', not \"" + "x" * 59 + "…."),
        ({"itemIds": ["\0"]}, "The arguments must not contain the character NUL."),
        ({"\0": [{"a": "b"}]}, "The arguments must not contain the character NUL."),
    ],
)
def test_each_mistake_is_named_with_what_would_be_right(arguments: Any, sentence: str) -> None:
    with pytest.raises(InvalidArgumentsError) as refused:
        read_arguments(Order, arguments)
    assert refused.value.message == sentence


@pytest.mark.parametrize(
    "address",
    [
        *("ann", "ann@", "ann@x@example.com", "a b@example.com", "Ann <ann@example.com>"),
        "ann@example.com\nBcc: b@c.de",
    ],
)
def test_only_one_plain_address_is_an_email_address(address: str) -> None:
    with pytest.raises(InvalidArgumentsError, match="recipient must be an e-mail address"):
        read_arguments(Order, IDS | {"recipient": address})


def test_an_address_is_passed_on_as_it_was_written() -> None:
    address = "Jürgen+Notes@Example.com"
    assert read_arguments(Order, IDS | {"recipient": address}).recipient == address


def test_a_whole_number_may_be_written_with_a_zero_fraction() -> None:
    order = read_arguments(Order, IDS | {"howMany": 3.0, "maxPrice": 1e5})
    assert (order.how_many, order.max_price) == (3, 100_000)


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 200)
    | st.floats(-3, 200)
    | st.sampled_from(["", "a", "small", "large", "ann@example.com"])
)
VALUES = SCALARS | st.lists(SCALARS, max_size=4)
NAMES = st.sampled_from(["itemIds", "maxPrice", "howMany", "size", "recipient", "other"])

SCHEMA = Draft202012Validator(Order.json_schema(), validate_formats=True)


@given(st.dictionaries(NAMES, VALUES))
def test_what_is_accepted_is_exactly_what_the_schema_allows(arguments: Any) -> None:
    allowed = SCHEMA.is_valid(arguments)
    try:
        read_arguments(Order, arguments)
    except InvalidArgumentsError:
        assert not allowed
    else:
        assert allowed


class Visit(ToolArguments):
    day: date
    kind: Kind = Kind.SHORT


def test_what_json_has_no_type_for_is_read_from_text() -> None:
    visit = read_arguments(Visit, {"day": "2027-01-12", "kind": "long"})
    assert (visit.day, visit.kind) == (date(2027, 1, 12), Kind.LONG)
    assert Visit.json_schema()["properties"]["day"] == {"type": "string", "format": "date"}
    with pytest.raises(InvalidArgumentsError, match=r'day must be a valid date.*not "soon"'):
        read_arguments(Visit, {"day": "soon"})
    with pytest.raises(InvalidArgumentsError, match="day must be"):
        read_arguments(Visit, {"day": 5})
    with pytest.raises(InvalidArgumentsError, match="Unicode"):
        read_arguments(Visit, {"day": "\ud800"})
