"""A request's messages are read as questions with their results and answers."""

from __future__ import annotations

from demo_model.conversation import exchanges
from demo_model.protocol import Message
from demo_model.results import FoundListings


def assistant(name: str, arguments: str) -> Message:
    call = {"id": "c1", "function": {"name": name, "arguments": arguments}}
    return Message(role="assistant", content="Let me see.", tool_calls=[call])


def tool(content: str) -> Message:
    return Message(role="tool", tool_call_id="c1", content=content)


def user(text: str) -> Message:
    return Message(role="user", content=[{"type": "text", "text": text}])


def test_each_question_has_its_results_and_its_answer():
    found = '{"total": 1, "listings": [{"listingId": "L001"}]}'
    first, second = exchanges(
        [
            Message(role="system", content="Be brief."),
            user("homes?"),
            assistant("findListings", '{"city": "Portland"}'),
            tool(found),
            Message(role="assistant", content="One."),
            user("thanks"),
        ]
    )
    assert (first.question, first.answer) == ("homes?", "Let me see. One.")
    assert first.outcomes[0].call.arguments == {"city": "Portland"}
    assert isinstance(first.results[0], FoundListings)
    assert first.listing_ids == ("L001",)
    assert (second.question, second.outcomes) == ("thanks", ())


def test_odd_arguments_and_unknown_tools_of_another_model_do_no_harm():
    for arguments in ("{broken", "[1]", '{"listingIds": "L001"}', "[" * 100_000):
        (exchange,) = exchanges([user("?"), assistant("otherTool", arguments), tool("{}")])
        assert exchange.results == ()
        assert exchange.outcomes[0].error is None
        assert exchange.listing_ids == ()


def test_the_failure_of_an_unknown_tool_is_kept():
    (exchange,) = exchanges([user("?"), assistant("otherTool", "{}"), tool('{"error": "no"}')])
    assert exchange.outcomes[0].error == "no"
