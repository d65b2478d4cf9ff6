"""The chat completions protocol: messages and tools as the JSON of a request.

Only this module, chat_completions_chunks and chat_completions_reply know the protocol's JSON.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from app.agent.messages import Message, ToolRequest, ToolSpec, parse_arguments

PATH = "/chat/completions"


@dataclass(frozen=True)
class ReplyOptions:
    """How a reply is to be written. What is None isn't sent, and the endpoint decides."""

    temperature: float | None = None
    max_tokens: int | None = None


def request_body(
    model: str,
    messages: Sequence[Message],
    tools: Sequence[ToolSpec],
    options: ReplyOptions = ReplyOptions(),
    *,
    may_call: bool = True,
) -> dict[str, Any]:
    """Return a request for a streamed reply, which should have no calls unless it `may_call`."""
    body: dict[str, Any] = {
        "model": model,
        "messages": [_message_json(message) for message in messages],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    body |= {name: value for name, value in asdict(options).items() if value is not None}
    if tools:
        body["tools"] = [_tool_json(tool) for tool in tools]
        if not may_call:
            body["tool_choice"] = "none"
    return body


def _message_json(message: Message) -> dict[str, Any]:
    if message.role == "tool":
        return {"role": "tool", "tool_call_id": message.call_id, "content": message.text}
    if not message.calls:
        return {"role": message.role, "content": message.text}
    calls = [_call_json(call) for call in message.calls]
    return {"role": message.role, "content": message.text or None, "tool_calls": calls}


def _call_json(call: ToolRequest) -> dict[str, Any]:
    # Endpoints refuse arguments that are no JSON object, though a model may have written them, or
    # an object encoded twice. What it wrote otherwise is sent back as it is, so that the request
    # begins as the one before it.
    arguments = call.arguments
    if not arguments.lstrip().startswith("{") or parse_arguments(arguments) is None:
        arguments = json.dumps(parse_arguments(arguments) or {})
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": arguments},
    }


def _tool_json(tool: ToolSpec) -> dict[str, Any]:
    function = {
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
    }
    return {"type": "function", "function": function}
