"""What the product is for, with both services: judge homes and their markets."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.support.product import Person, Product
from tests.support.scripted_model import ScriptedModel, text, tool_call
from tests.tool_services.support.own_services import OWN_SERVICES
from tool_services import all_services


@pytest.fixture
def product(start: Callable[..., Product]) -> Product:
    both = {name: OWN_SERVICES[name] for name in ("listings", "analytics")}
    return start(both, tool_exchanges={"analytics": "listings"})


def test_the_service_is_found_where_it_always_was(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANALYTICS_PORT", "ANALYTICS_URL"):
        monkeypatch.delenv(name, raising=False)
    assert all_services.default_urls()["analytics"] == "http://127.0.0.1:8002"
    assert all_services.default_exchanges()["analytics"] == "listings"


def test_what_every_request_begins_with_stays_short(alice: Person, model: ScriptedModel) -> None:
    """A model on a small machine reads 80 tokens a second.

    Four bytes count as a token here. The tokenizers of OpenAI's models find a tenth fewer.
    """
    model.script(text("Hello."))
    alice.ask("Hello").all()
    body = model.requests[-1].body
    fixed = json.dumps([body["messages"][0], body["tools"]], separators=(",", ":"))
    assert len(fixed) / 4 <= 1_100


def test_analytics_asks_listings_on_the_persons_behalf(alice: Person, model: ScriptedModel) -> None:
    model.script(tool_call("getMarketAnalysis", {"area": "Seattle, WA"}), text("It rises."))
    events = [message.json for message in alice.ask("How is the market in Seattle, WA?").all()]
    assert [each["result"]["area"] for each in events if "result" in each] == ["Seattle, WA"]
