"""The person's main job over HTTP, with the real tool services and a scripted model."""

from __future__ import annotations

from tests.support.product import Person, text_of
from tests.support.scripted_model import ScriptedModel, text, tool_call


def test_an_answer_streams_in_with_its_tool_call_and_is_kept(
    alice: Person, model: ScriptedModel
) -> None:
    search = {"city": "portland", "minBedrooms": 3, "maxPrice": 900000}
    model.script(
        tool_call("findListings", search, text_before="Let me look."),
        text("I found ", "**7** homes."),
    )
    messages = alice.ask("Find me 3-bedroom homes in Portland under $900,000").all()
    names = [message.event for message in messages]
    assert names[0] == "run"
    assert names[-1] == "done"
    assert [m.json["status"] for m in messages if m.event == "tool"] == ["started", "completed"]
    found = next(m.json["result"] for m in messages if m.json.get("status") == "completed")
    assert found["total"] == 7
    assert text_of(messages) == "Let me look.\n\nI found **7** homes."
    history = alice.api("GET", "/agents/chat-history").json()["messages"]
    assert [message["content"] for message in history] == [
        "Find me 3-bedroom homes in Portland under $900,000",
        "Let me look.\n\nI found **7** homes.",
    ]
