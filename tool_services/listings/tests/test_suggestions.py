"""Results suggest questions to ask next, within bounds."""

from __future__ import annotations

import pytest

from tests.tool_services.support.services import Service
from tool_services.framework.display import people_meta

KEY = "homestream/suggestions"


@pytest.mark.parametrize(
    ("search", "suggested"),
    [
        ({"city": "Portland"}, ["How are those doing?", "Anything cheaper?", "Send these to me"]),
        (
            {"city": "Seattle", "limit": 1},
            ["How is it doing?", "How is the market in Seattle, WA?", "Send it to me"],
        ),
    ],
)
def test_a_result_suggests_what_to_ask_of_it(
    listings: Service, search: dict[str, object], suggested: list[str]
) -> None:
    assert listings.mcp_result("findListings", search)["_meta"][KEY] == suggested


def test_a_result_without_homes_suggests_nothing(listings: Service) -> None:
    assert KEY not in listings.mcp_result("findListings", {"city": "Nowhere"}).get("_meta", {})


def test_what_a_result_says_to_people_is_little_and_short() -> None:
    assert people_meta(["", "x" * 81, *"abcde"], "") == {"_meta": {KEY: ["a", "b", "c", "d"]}}
    assert people_meta(["x" * 80], "")
    assert people_meta([], "7 found") == {"_meta": {"homestream/words": "7 found"}}
    assert people_meta([], "x" * 81) == {}
