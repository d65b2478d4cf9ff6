"""The settings of all services together."""

from __future__ import annotations

import os

import pytest

from tool_services.settings import default_exchanges, default_urls


@pytest.fixture(autouse=True)
def _clean_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for name in [name for name in os.environ if name.endswith(("_PORT", "_URL"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path_factory.mktemp("empty"))


def test_the_app_learns_where_the_services_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTINGS_URL", "https://listings.example.com/")
    monkeypatch.setenv("ANALYTICS_PORT", "9002")
    assert default_urls() == {
        "listings": "https://listings.example.com",
        "analytics": "http://127.0.0.1:9002",
    }


def test_a_service_may_call_only_services_that_exist() -> None:
    pairs = default_exchanges()
    assert {*pairs, *pairs.values()} <= default_urls().keys()
