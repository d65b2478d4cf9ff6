"""JSON from outside: what passes can be stored and sent to every reader."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.json_input import parse_json

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


@given(VALUES)
def test_every_json_value_is_read_as_it_was_written(value: Any) -> None:
    assert parse_json(json.dumps(value)) == value
    assert parse_json(json.dumps(value, ensure_ascii=False).encode()) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"a": 1} trailing',
        "{'a': 1}",
        "NaN",
        '{"a": [Infinity]}',
        '{"a": [-1e999]}',
        "1" + 400 * "0" + ".5",
        '"half a character: \\ud83d"',
        '"half a character: \ud83d"',
        b'"\xff"',
        '{"a": 1}'.encode("utf-16"),
        1_000 * "[" + 1_000 * "]",
        1_000_000 * "[",
        1_000_000 * '{"a":',
        5_000 * "1",
    ],
    ids=lambda text: repr(text)[:30],
)
def test_what_cannot_be_sent_on_to_every_reader_is_refused_with_a_sentence(
    text: str | bytes,
) -> None:
    with pytest.raises(ValueError, match=r"^This is not valid JSON: .*\.$"):
        parse_json(text)


def test_nesting_that_people_use_is_read() -> None:
    assert json.dumps(parse_json(150 * "[" + 150 * "]")) == 150 * "[" + 150 * "]"


def test_the_last_of_two_equal_keys_counts() -> None:
    assert parse_json('{"a": 1, "b": 2, "a": 3}') == {"a": 3, "b": 2}


def test_a_large_integer_keeps_every_digit() -> None:
    assert parse_json(4_000 * "7") == int(4_000 * "7")


def test_a_byte_order_mark_is_skipped() -> None:
    assert parse_json(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


def test_a_number_that_only_looks_too_large_is_read() -> None:
    assert parse_json('["0e1000", 0e1000, 1e-1000]') == ["0e1000", 0.0, 0.0]
