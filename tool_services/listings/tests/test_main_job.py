"""What the product is for, with homes: find them, and send a report about them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.product import Person, Product, text_of
from tests.support.scripted_model import ScriptedModel, text, tool_call
from tests.tool_services.support.own_services import OWN_SERVICES
from tool_services import all_services


@pytest.fixture
def product(start: Callable[..., Product]) -> Product:
    return start({"listings": OWN_SERVICES["listings"]})


def test_the_service_is_found_where_it_always_was(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LISTINGS_PORT", "LISTINGS_URL"):
        monkeypatch.delenv(name, raising=False)
    assert all_services.default_urls()["listings"] == "http://127.0.0.1:8001"


def results(messages: list[Any]) -> list[Any]:
    return [m.json["result"] for m in messages if "result" in m.json]


def test_an_answer_streams_in_with_its_tool_call_and_is_kept(
    alice: Person, mallory: Person, model: ScriptedModel
) -> None:
    search = {"city": "portland", "minBedrooms": 3, "maxPrice": 900000}
    model.script(
        tool_call("findListings", search, text_before="Let me look."),
        text("I found ", "**7** homes."),
    )
    question = "Find me 3-bedroom homes in Portland under $900,000"
    messages = alice.ask(question).all()
    names = [message.event for message in messages]
    assert (names[0], names[-1]) == ("run", "done")
    assert [m.json["status"] for m in messages if m.event == "tool"] == ["started", "completed"]
    [found] = results(messages)
    assert found["total"] == 7
    assert text_of(messages) == "Let me look.\n\nI found **7** homes."
    history = alice.api("GET", "/agents/chat-history").json()["messages"]
    assert [message["content"] for message in history] == [question, text_of(messages)]
    path = f"/conversations/{messages[0].json['conversationId']}"
    assert "show-card" in alice.get(path).text
    assert mallory.get(path).status_code == 404


def test_a_report_is_in_the_outbox_once_it_is_approved(
    alice: Person, mallory: Person, model: ScriptedModel
) -> None:
    report = {"listingIds": ["L001"], "recipientEmail": "ann@example.com"}
    model.script(tool_call("sendListingReport", report), text("It is in your outbox."))
    stream = alice.ask("Send L001 to Ann")
    approval = stream.until("approval")[-1].json
    assert alice.api("GET", "/outbox").json() == {"messages": []}
    alice.api("POST", approval["url"], json={"decision": "approve"})
    assert stream.until("done")[-1].json["status"] == "completed"
    [message] = alice.api("GET", "/outbox").json()["messages"]
    assert (message["recipient"], message["delivery"]) == ("ann@example.com", "kept")
    assert mallory.api("GET", "/outbox").json() == {"messages": []}
