"""A service answers every request in a sentence, however odd the request."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.tool_services.support.hostile import assert_all_refused_politely
from tests.tool_services.support.services import Service

# On PostgreSQL as well, which can't store NUL.
pytestmark = pytest.mark.engines


def test_every_route_refuses_hostile_requests_politely(
    notes: Service, caplog: pytest.LogCaptureFixture
) -> None:
    assert_all_refused_politely(notes, caplog)


TEXTS = st.text(st.characters(exclude_categories=()), max_size=5)
JSON: SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda values: st.lists(values, max_size=3) | st.dictionaries(TEXTS, values, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(["name", "arguments", "jsonrpc", "id", "method", "params", "_meta"])
BODIES = st.dictionaries(KEYS | TEXTS, JSON | st.sampled_from(["findNotes", "2.0", "tools/call"]))


def test_no_body_is_answered_with_a_server_error(notes: Service) -> None:
    client, token = notes.app.test_client(), notes.token()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    @given(st.sampled_from(["/tools/call", "/tools/preview", "/mcp"]), BODIES)
    @settings(max_examples=300)
    def answered(path: str, body: Any) -> None:
        response = client.post(path, data=json.dumps(body), headers=headers)
        assert response.status_code < 500, (path, body, response.text)

    answered()
