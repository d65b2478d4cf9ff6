"""What a model is told of the tools before it calls one."""

from __future__ import annotations

import json
import re

from tests.tool_services.support.services import Service


def test_no_description_names_a_home_or_a_place_that_there_is(
    listings: Service, analytics: Service
) -> None:
    """A small model copies it, and reports on a home that nobody asked about."""
    homes = listings.call("findListings", {}).result["listings"]
    real = {home[name] for home in homes for name in ("listingId", "city", "state", "address")}
    assert {"L001", "Portland", "OR"} <= real
    tools = [
        {name: value for name, value in tool.items() if name != "_meta"}
        for service in (listings, analytics)
        for tool in service.request("GET", "/tools").body["tools"]
    ]
    told = json.dumps(tools)
    assert [name for name in real if re.search(rf"\b{re.escape(name)}\b", told)] == []
