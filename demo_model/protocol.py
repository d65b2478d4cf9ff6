"""Read requests and write replies in the format of OpenAI's chat completions."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, model_validator

MODEL = "demo"
FIRST_MADE = 1_767_225_600
ARGUMENT_PIECE = 12

Usage = dict[str, int]
Delta = dict[str, Any]


class Part(BaseModel):
    """One part of a message's content; only text is read."""

    type: str
    text: str = ""


class FunctionCall(BaseModel):
    """A function's name and its arguments as JSON text."""

    name: str
    arguments: str = "{}"


class RequestedCall(BaseModel):
    """A tool call that an earlier assistant message made."""

    id: str
    function: FunctionCall


class Message(BaseModel):
    """One message of the conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[Part] | None = None
    tool_calls: list[RequestedCall] | None = None
    tool_call_id: str | None = None

    @property
    def text(self) -> str:
        """The content as one string, whichever of its forms it came in."""
        if isinstance(self.content, list):
            return " ".join(part.text for part in self.content)
        return self.content or ""

    @model_validator(mode="after")
    def _complete(self) -> Message:
        if self.role == "tool" and not self.tool_call_id:
            raise ValueError("a message with role 'tool' needs a tool_call_id")
        if self.content is None and not (self.role == "assistant" and self.tool_calls):
            raise ValueError(f"a message with role '{self.role}' needs content")
        return self


class Function(BaseModel):
    """A function on offer, with the JSON Schema of its arguments."""

    name: str
    description: str = ""
    parameters: dict[str, Any] = {}


class Tool(BaseModel):
    """A tool on offer."""

    type: Literal["function"]
    function: Function


class StreamOptions(BaseModel):
    """What a streamed answer carries besides its text."""

    include_usage: bool | None = False


Limit = Annotated[int, Field(ge=1)]


class ChatRequest(BaseModel):
    """The body of `POST /v1/chat/completions`, as far as this model heeds it."""

    messages: Annotated[list[Message], Field(min_length=1)]
    tools: list[Tool] | None = None
    tool_choice: str | dict[str, Any] | None = None
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    max_tokens: Limit | None = None
    max_completion_tokens: Limit | None = None
    n: Literal[1] | None = None

    @property
    def offered(self) -> list[Function]:
        """The functions that may be called in this turn."""
        offered = self.tools if self.tools and self.tool_choice != "none" else []
        return [tool.function for tool in offered]

    @property
    def token_limit(self) -> int | None:
        """The longest answer wanted, in tokens."""
        return self.max_completion_tokens or self.max_tokens

    @property
    def wants_usage(self) -> bool:
        """Whether the stream shall end with a chunk of token counts."""
        return bool(self.stream_options and self.stream_options.include_usage)

    @model_validator(mode="after")
    def _answered(self) -> ChatRequest:
        """Every tool call has its result right behind it, and every result its call."""
        waiting: set[str] = set()
        for message in self.messages:
            if message.role == "tool":
                if message.tool_call_id not in waiting:
                    raise ValueError(
                        f"tool_call_id '{message.tool_call_id}' answers no tool call before it"
                    )
                waiting.remove(message.tool_call_id)
            elif waiting:
                break
            else:
                waiting = {call.id for call in message.tool_calls or ()}
        if waiting:
            missing = ", ".join(sorted(waiting))
            raise ValueError(f"every tool call needs a tool message; missing for {missing}")
        return self


@dataclass(frozen=True)
class ToolCall:
    """A tool call to make."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Turn:
    """What the model says in one turn: text, then tool calls; either may be missing."""

    text: str = ""
    calls: tuple[ToolCall, ...] = ()


def tokens(text: str) -> list[str]:
    """The text in words, each with the white space behind it; joined they are the text again."""
    return re.findall(r"\s*\S+\s*|\s+", text)


def cut(turn: Turn, limit: int | None) -> tuple[Turn, str]:
    """Return as much of the turn as a limit in tokens allows, and why it ends.

    The reason is `length`, `tool_calls` or `stop`. Calls are made whole or not at all.
    """
    words = tokens(turn.text)
    if limit is not None and (len(words) > limit or (turn.calls and len(words) == limit)):
        return Turn("".join(words[:limit])), "length"
    return turn, "tool_calls" if turn.calls else "stop"


def deltas(turn: Turn) -> Iterator[Delta]:
    """Return the turn in pieces of a token each."""
    for word in tokens(turn.text):
        yield {"content": word}
    for index, call in enumerate(turn.calls):
        yield from _call_deltas(index, call)


def _call_deltas(index: int, call: ToolCall) -> Iterator[Delta]:
    whole = _call_json(call)
    arguments = whole["function"]["arguments"]
    whole["function"]["arguments"] = ""
    yield {"tool_calls": [{"index": index, **whole}]}
    for start in range(0, len(arguments), ARGUMENT_PIECE):
        piece = {"arguments": arguments[start : start + ARGUMENT_PIECE]}
        yield {"tool_calls": [{"index": index, "function": piece}]}


def _call_json(call: ToolCall) -> dict[str, Any]:
    return {
        "id": f"call_{secrets.token_hex(12)}",
        "type": "function",
        "function": {"name": call.name, "arguments": json.dumps(call.arguments)},
    }


def usage(request: ChatRequest, completion_tokens: int) -> Usage:
    """Token counts; this model's tokens are words."""
    prompt_tokens = sum(len(tokens(message.text)) for message in request.messages)
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    }


def envelope(kind: str) -> dict[str, Any]:
    """What a completion, or every chunk of one, begins with."""
    return {
        "id": f"chatcmpl-{secrets.token_hex(12)}",
        "object": kind,
        "created": int(time.time()),
        "model": MODEL,
    }


def completion(request: ChatRequest, turn: Turn) -> dict[str, Any]:
    """Return the whole answer as one JSON object."""
    turn, reason = cut(turn, request.token_limit)
    message: Delta = {"role": "assistant", "content": turn.text or None, "refusal": None}
    if turn.calls:
        message["tool_calls"] = [_call_json(call) for call in turn.calls]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reason}
    counts = usage(request, len(list(deltas(turn))))
    return {**envelope("chat.completion"), "choices": [choice], "usage": counts}


def chunk(head: dict[str, Any], delta: Delta, reason: str | None = None) -> dict[str, Any]:
    """One chunk of a streamed answer."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
    return {**head, "choices": [choice]}


def error_body(
    message: str,
    kind: str = "invalid_request_error",
    param: str | None = None,
    code: str | None = None,
) -> dict[str, Any]:
    """An error as OpenAI's clients expect it."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def model_list() -> dict[str, Any]:
    """The one model there is."""
    card = {"id": MODEL, "object": "model", "created": FIRST_MADE, "owned_by": "homestream"}
    return {"object": "list", "data": [card]}
