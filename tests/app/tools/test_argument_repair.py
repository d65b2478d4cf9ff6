"""Arguments that a model wrote nearly right: what is read as what, and what is never touched."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.agent.argument_readings import describe_readings
from app.tools.argument_example import example_arguments
from app.tools.argument_schema import MAX_DEPTH
from app.tools.tool import Tool, make_tool
from app.tools.untrusted import checks

PROPERTIES: dict[str, Any] = {
    "city": {"type": "string", "minLength": 1},
    "minPrice": {"type": "number", "exclusiveMinimum": 0},
    "maxRooms": {"type": "integer", "minimum": 0},
    "status": {"$ref": "#/$defs/Status"},
    "ids": {"type": "array", "items": {"type": "string", "minLength": 1}, "uniqueItems": True},
    "sizes": {"type": "array", "items": {"type": "integer"}},
    "withGarden": {"type": "boolean"},
    "page": {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]},
    "place": {
        "type": "object",
        "properties": {"state": {"type": "string"}, "zipCode": {"type": "string"}},
        "additionalProperties": False,
    },
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": PROPERTIES,
    "$defs": {"Status": {"type": "string", "enum": ["Active", "Pending", "Sold"]}},
    "additionalProperties": False,
}


def tool(schema: dict[str, Any] = SCHEMA, *, reads: bool = True) -> Tool:
    described = {
        "name": "find",
        "inputSchema": schema,
        "annotations": {"readOnlyHint": reads},
    }
    return make_tool("shop", "find", json.dumps(described), checks, ours=True)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ({"city": None}, {}),
        ({"city": ""}, {}),
        ({"city": "Any"}, {}),
        ({"city": "none", "status": "any"}, {}),
        ({"minPrice": 0}, {}),
        ({"minPrice": "Any"}, {}),
        ({"minPrice": "0"}, {}),
        ({"maxRooms": 0}, {}),
        ({"unheardOf": None}, {}),
        ({"maxRooms": "3"}, {"maxRooms": 3}),
        ({"maxRooms": "3.0"}, {"maxRooms": 3}),
        ({"minPrice": "$900,000"}, {"minPrice": 900_000}),
        ({"minPrice": "1234.5"}, {"minPrice": 1234.5}),
        ({"status": "active"}, {"status": "Active"}),
        ({"status": " SOLD "}, {"status": "Sold"}),
        ({"status": "Pendign"}, {"status": "Pending"}),
        ({"status": ["Sold"]}, {"status": "Sold"}),
        ({"ids": "A1, A2"}, {"ids": ["A1", "A2"]}),
        ({"ids": '["A1", "A2"]'}, {"ids": ["A1", "A2"]}),
        ({"ids": "A1"}, {"ids": ["A1"]}),
        ({"ids": ["A1", "A1"]}, {"ids": ["A1"]}),
        ({"ids": [1, "A2"]}, {"ids": ["1", "A2"]}),
        ({"sizes": "1, 2"}, {"sizes": [1, 2]}),
        ({"sizes": 3}, {"sizes": [3]}),
        ({"withGarden": "Yes"}, {"withGarden": True}),
        ({"withGarden": "false"}, {"withGarden": False}),
        ({"page": "2"}, {"page": 2}),
        ({"page": None}, {"page": None}),
        ({"max_rooms": 2, "MinPrice": "5"}, {"maxRooms": 2, "minPrice": 5}),
        ({"place": '{"state": "OR"}'}, {"place": {"state": "OR"}}),
        ({"place": {"zip_code": 97201}}, {"place": {"zipCode": "97201"}}),
        ({"arguments": {"city": "Anytown"}}, {"city": "Anytown"}),
        ({"arguments": '{"status": "sold"}'}, {"status": "Sold"}),
    ],
)
def test_what_is_meant_is_read(written: dict[str, Any], read: dict[str, Any]) -> None:
    assert tool().read_arguments(written) == (read, [])
    assert bool(describe_readings(written, read)) == (written != read)


@pytest.mark.parametrize(
    "written",
    [
        {"minPrice": "900.000"},  # nine hundred, or 900,000?
        {"minPrice": "1,5"},
        {"minPrice": "a lot"},
        {"maxRooms": "2.5"},
        {"maxRooms": True},
        {"status": "Gone"},
        {"unheardOf": 5},
        {"place": "Oregon"},
        {"max_rooms": 2, "maxRooms": 3},
    ],
)
def test_what_may_mean_two_things_is_left_alone(written: dict[str, Any]) -> None:
    read, mistakes = tool().read_arguments(written)
    assert read == written
    assert mistakes


def test_a_call_that_changes_something_is_not_guessed_at() -> None:
    """Its choices are read by case alone, and what is valid stays, though it may mean nothing."""
    writes = tool(reads=False)
    assert writes.read_arguments({"status": "sold"}) == ({"status": "Sold"}, [])
    assert writes.read_arguments({"city": "Any", "maxRooms": 0})[0] == {
        "city": "Any",
        "maxRooms": 0,
    }
    assert writes.read_arguments({"status": "Pendign"})[1]


@pytest.mark.parametrize(
    "meant", [{"status": "all"}, {"minPrice": 0}, {"unheardOf": "0"}, {"place": []}]
)
def test_a_bound_that_a_call_which_changes_something_doesnt_take_is_not_dropped(
    meant: dict[str, Any],
) -> None:
    """Without it the call might change more than the model meant."""
    read, mistakes = tool(reads=False).read_arguments(meant)
    assert read == meant
    assert mistakes


def test_what_a_tool_needs_is_never_left_out() -> None:
    needs_city = tool(SCHEMA | {"required": ["city", "minPrice"]})
    assert needs_city.read_arguments({"city": "Any", "minPrice": 1})[0]["city"] == "Any"
    assert needs_city.read_arguments({"city": "Anytown", "minPrice": 0})[1]


def test_every_repair_is_told_in_words() -> None:
    written = {"city": "Any", "max_rooms": "3", "status": "sold", "withGarden": True}
    read, _ = tool().read_arguments(written)
    assert describe_readings(written, read) == (
        "city: read “Any” as left out",
        "read “max_rooms” as maxRooms, 3",
        "status: read “sold” as “Sold”",
    )


def test_the_example_keeps_what_was_right_and_is_taken() -> None:
    needs = tool(SCHEMA | {"required": ["city", "status"]})
    given = {"city": "Anytown", "minPrice": "cheap", "other": 1}
    example = needs.right_example(given)
    assert example is not None
    assert example["city"] == "Anytown"
    assert example.keys() == {"city", "minPrice", "status"}
    assert needs.argument_mistakes(example) == []


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
NEAR = st.sampled_from(
    ["Any", "", "0", 0, None, "3", "$900,000", "a, b", "[1]", '["a"]', "sold", "{}", "yes", '"x"']
)
VALUES = st.recursive(
    SCALARS | NEAR,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
NAMES = st.sampled_from([*PROPERTIES, "min_price", "CITY", "arguments"]) | st.text(max_size=8)
ANYTHING = st.dictionaries(NAMES, VALUES, max_size=6)
VALID = st.fixed_dictionaries(
    {},
    optional={
        "city": st.text(min_size=5),
        "minPrice": st.floats(min_value=1, allow_infinity=False),
        "maxRooms": st.integers(min_value=1),
        "status": st.sampled_from(["Active", "Pending", "Sold"]),
        "ids": st.lists(st.text(min_size=1), unique=True),
        "sizes": st.lists(st.integers()),
        "withGarden": st.booleans(),
        "page": st.none() | st.integers(min_value=1),
        "place": st.fixed_dictionaries({}, optional={"state": st.text(), "zipCode": st.text()}),
    },
)


@given(VALID, st.booleans())
def test_valid_arguments_that_say_something_are_never_changed(
    arguments: dict[str, Any], reads: bool
) -> None:
    meant = {n: v for n, v in arguments.items() if n != "city" or len(v.strip()) > 10}
    assert tool(reads=reads).read_arguments(meant) == (meant, [])


@given(ANYTHING, st.booleans(), st.lists(st.sampled_from(list(PROPERTIES)), max_size=3))
def test_whatever_it_is_it_becomes_valid_or_stays_as_it_is(
    arguments: dict[str, Any], reads: bool, required: list[str]
) -> None:
    one = tool(SCHEMA | {"required": sorted(set(required))}, reads=reads)
    before = json.dumps(arguments)
    read, mistakes = one.read_arguments(arguments)
    assert json.dumps(arguments) == before
    assert one.argument_mistakes(read) == [] if not mistakes else read is arguments
    if not one.argument_mistakes(arguments) and not reads:
        assert read is arguments
    for words in describe_readings(arguments, read):
        assert len(words) < 300


SCHEMAS = st.recursive(
    st.booleans()
    | st.sampled_from(
        [
            {"type": "integer"},
            {"type": ["number", "null"]},
            {"enum": [1, "a", None]},
            {"$ref": "#"},
            {"$ref": "#/properties/a"},
            {"const": "x"},
        ]
    ),
    lambda inner: st.fixed_dictionaries(
        {"type": st.sampled_from(["object", "array"])},
        optional={
            "items": inner,
            "properties": st.dictionaries(st.sampled_from("abc"), inner),
            "anyOf": st.lists(inner, min_size=1, max_size=3),
            "additionalProperties": inner,
        },
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from("abc"), SCHEMAS), VALUES, st.booleans())
def test_no_schema_and_no_value_breaks_it(
    properties: dict[str, Any], value: Any, reads: bool
) -> None:
    schema = {"type": "object", "properties": properties, "required": list(properties)[:1]}
    try:
        one = tool(schema, reads=reads)
    except ValueError:
        return  # a reference to itself alone, say
    read, mistakes = one.read_arguments({"a": value, "B": value})
    assert mistakes or one.argument_mistakes(read) == []
    one.right_example({"a": value})


def test_what_is_too_deep_or_too_large_is_left_alone() -> None:
    deep: Any = "3"
    for _ in range(MAX_DEPTH + 2):
        deep = [deep]
    for value in (deep, ["3"] * 5_000):
        for written in ({"sizes": value}, {"arguments": json.dumps({"sizes": value})}):
            assert tool().read_arguments(written)[0] is written


def test_the_example_of_a_schema_whose_parts_hold_each_other_is_small() -> None:
    fields = [f"field{number}" for number in range(8)]
    part = {
        "type": "object",
        "required": fields,
        "properties": {field: {"$ref": "#/$defs/part"} for field in fields},
    }
    schema = {
        "type": "object",
        "$defs": {"part": part},
        "required": ["whole"],
        "properties": {"whole": {"$ref": "#/$defs/part"}},
    }
    assert len(json.dumps(example_arguments(schema, {}))) < 20_000
