"""How deep a JSON text goes, by what a parser says of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.json_input import DEEPEST, is_too_deep

pytestmark = pytest.mark.engineless

TEXTS = st.text(alphabet='[{]}",\\ n')
VALUES = st.recursive(
    TEXTS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=30
)


def nested(value: Any, levels: int) -> Any:
    for _ in range(levels):
        value = [value]
    return value


def depth(value: Any) -> int:
    within = value.values() if isinstance(value, dict) else value
    return 0 if isinstance(value, str) else 1 + max(map(depth, within), default=0)


@given(VALUES, st.sampled_from([0, 90, 98, 99, 100, 110]), st.sampled_from([None, 1]))
def test_it_is_as_deep_as_it_is(value: Any, more: int, indent: int | None) -> None:
    text = json.dumps(nested(value, more), indent=indent)
    assert is_too_deep(text) == (depth(value) + more > DEEPEST)


@pytest.mark.parametrize(
    ("text", "too_deep"),
    [
        ('"' + 20_000 * "[", False),
        ('"' + 20_000 * "\\[", False),
        ('"' + 200_000 * '\\\\\\"[', False),
        (500 * "]" + "1", False),
        ('"]"' + 200 * '["]",', True),
    ],
)
def test_what_is_no_json_is_left_to_the_parser_or_refused(text: str, too_deep: bool) -> None:
    """In a time that grows with its length alone."""
    assert is_too_deep(text) == too_deep
