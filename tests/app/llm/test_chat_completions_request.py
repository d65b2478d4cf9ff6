"""The chat completions protocol: what is sent."""

from __future__ import annotations

from app.agent.messages import Message, ToolRequest, ToolSpec
from app.llm.chat_completions_request import ReplyOptions, request_body
from tests.app.llm.asking import TOOL, Ask
from tests.support.scripted_model import ScriptedModel


def test_a_conversation_is_sent_as_the_protocol_has_it(model: ScriptedModel, ask: Ask) -> None:
    ask()
    body = model.requests[0].body
    assert body["messages"] == [{"role": "user", "content": "Hi"}]
    assert body["tools"] == [
        {
            "type": "function",
            "function": {
                "name": TOOL.name,
                "description": TOOL.description,
                "parameters": TOOL.parameters,
            },
        }
    ]
    assert (body["model"], body["stream"]) == ("first", True)
    assert body["stream_options"] == {"include_usage": True}


def test_calls_are_sent_as_they_were_written_if_their_arguments_are_an_object() -> None:
    calls = (
        ToolRequest("c1", "find", '{"city":"Bergen"}'),
        ToolRequest("c2", "find", "{broken"),
        ToolRequest("c3", "find", r'"{\"city\": \"Bergen\"}"'),
    )
    messages = [
        Message("assistant", "", calls),
        Message("tool", "{}", call_id="c1"),
        Message("assistant", "Done."),
    ]
    turn, result, answer = request_body("m", messages, [])["messages"]
    assert turn["content"] is None
    assert [one["function"]["arguments"] for one in turn["tool_calls"]] == [
        '{"city":"Bergen"}',
        "{}",
        '{"city": "Bergen"}',
    ]
    assert result == {"role": "tool", "tool_call_id": "c1", "content": "{}"}
    assert answer == {"role": "assistant", "content": "Done."}


def test_without_tools_none_are_mentioned() -> None:
    # Some endpoints refuse an empty list.
    assert "tools" not in request_body("m", [], [])
    assert "tools" in request_body("m", [], [ToolSpec("a", "b", {})])
    assert "tool_choice" not in request_body("m", [], [], may_call=False)


def test_where_no_tool_may_be_called_they_are_offered_all_the_same() -> None:
    tools = [ToolSpec("a", "b", {})]
    free, bound = request_body("m", [], tools), request_body("m", [], tools, may_call=False)
    assert bound == free | {"tool_choice": "none"}


def test_only_the_options_that_are_set_are_sent(model: ScriptedModel, ask: Ask) -> None:
    ask()
    ask(options=ReplyOptions(temperature=0, max_tokens=50))
    plain, with_options = (request.body for request in model.requests)
    assert not {"temperature", "max_tokens"} & plain.keys()
    assert (with_options["temperature"], with_options["max_tokens"]) == (0, 50)
