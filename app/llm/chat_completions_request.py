"""The chat completions protocol: messages and tools as the JSON of a request.

Only this module, chat_completions_chunks and chat_completions_reply know the protocol's JSON.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from app.agent.attached_files import render_question
from app.agent.messages import AttachedImage, Message, ToolRequest, ToolSpec, parse_arguments

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
    can_see: bool = False,
) -> dict[str, Any]:
    """Return a request for a streamed reply, which should have no calls unless it `may_call`.

    Images are in it only for a model that `can_see`; another is told that they are there.
    """
    body: dict[str, Any] = {
        "model": model,
        "messages": [_message_json(message, can_see) for message in messages],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    body |= {name: value for name, value in asdict(options).items() if value is not None}
    if tools:
        body["tools"] = [_tool_json(tool) for tool in tools]
        if not may_call:
            body["tool_choice"] = "none"
    return body


def _message_json(message: Message, can_see: bool) -> dict[str, Any]:
    if message.files:
        return {"role": message.role, "content": _content_with_files(message, can_see)}
    if message.role == "tool":
        return {"role": "tool", "tool_call_id": message.call_id, "content": message.text}
    if not message.calls:
        return {"role": message.role, "content": message.text}
    calls = [_call_json(call) for call in message.calls]
    return {"role": message.role, "content": message.text or None, "tool_calls": calls}


def _content_with_files(message: Message, can_see: bool) -> str | list[dict[str, Any]]:
    """Return a text, which every endpoint takes, or parts if there are images to be seen."""
    text = render_question(message, can_see=can_see)
    images = [
        {"type": "image_url", "image_url": {"url": _data_url(file.media_type, file.image.content)}}
        for file in message.files
        if isinstance(file, AttachedImage) and file.image is not None and can_see
    ]
    return [{"type": "text", "text": text}, *images] if images else text


def _data_url(media_type: str, content: bytes) -> str:
    return f"data:{media_type};base64,{b64encode(content).decode()}"


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
