"""Read requests and write replies in the format of OpenAI's chat completions."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import field
from typing import Annotated, Any, Literal

from pydantic import AliasPath, BaseModel, BeforeValidator, Field, model_validator
from pydantic.dataclasses import dataclass
from pydantic_core import from_json

MODEL = "demo"


def _joined(content: Any) -> Any:
    """Join the texts of a content that comes in parts."""
    if not isinstance(content, list):
        return content
    return " ".join(str(part.get("text", "")) for part in content if isinstance(part, dict))


def read_json(text: str) -> Any:
    """Return what the text says; None if that can't be read."""
    try:
        return from_json(text)
    except ValueError:
        return None


def _arguments(written: Any) -> Any:
    """Read arguments in JSON; what another model wrote may be anything."""
    arguments = read_json(written) if isinstance(written, str) else written
    return arguments if isinstance(arguments, dict) else {}


@dataclass(frozen=True)
class ToolCall:
    """A tool call, made or to make. Two are the same if they ask the same."""

    name: str = Field(validation_alias=AliasPath("function", "name"))
    arguments: Annotated[dict[str, Any], BeforeValidator(_arguments)] = Field(
        default={}, validation_alias=AliasPath("function", "arguments")
    )
    id: str = field(default_factory=lambda: f"call_{secrets.token_hex(12)}", compare=False)

    def to_json(self) -> dict[str, Any]:
        """Return the call as a message holds it."""
        function = {"name": self.name, "arguments": json.dumps(self.arguments)}
        return {"id": self.id, "type": "function", "function": function}


class Message(BaseModel):
    """One message of the conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Annotated[str | None, BeforeValidator(_joined)] = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None

    @property
    def text(self) -> str:
        """The content, empty if there is none."""
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


class ChatRequest(BaseModel):
    """The body of `POST /v1/chat/completions`, as far as this model heeds it."""

    messages: Annotated[list[Message], Field(min_length=1)]
    tools: list[Tool] | None = None
    tool_choice: str | dict[str, Any] | None = None
    stream: bool | None = False
    stream_options: dict[str, bool | None] | None = None
    max_tokens: Annotated[int | None, Field(ge=1)] = None
    max_completion_tokens: Annotated[int | None, Field(ge=1)] = None
    n: Literal[1] | None = None

    @property
    def offered(self) -> list[Function]:
        """The functions that may be called in this turn."""
        return [tool.function for tool in self.tools or () if self.tool_choice != "none"]

    @model_validator(mode="after")
    def _answered(self) -> ChatRequest:
        """Every tool call has its result right behind it, and every result its call."""
        waiting: set[str] = set()
        for message in [*self.messages, None]:
            if message and message.role == "tool":
                if message.tool_call_id not in waiting:
                    raise ValueError(f"tool_call_id '{message.tool_call_id}' answers no tool call")
                waiting.remove(message.tool_call_id)
            elif waiting:
                missing = ", ".join(sorted(waiting))
                raise ValueError(f"every tool call needs a tool message; missing for {missing}")
            elif message:
                waiting = {call.id for call in message.tool_calls or ()}
        return self


@dataclass(frozen=True)
class Turn:
    """What the model says in one turn: text, then tool calls; either may be missing."""

    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    cut_off: bool = False

    @property
    def words(self) -> list[str]:
        """The tokens of the text: words, each with the white space behind it."""
        return _words(self.text)

    @property
    def reason(self) -> str:
        """Why the turn ends: `length`, `tool_calls` or `stop`."""
        return "length" if self.cut_off else "tool_calls" if self.calls else "stop"

    def within(self, chat: ChatRequest) -> Turn:
        """Return as much of the turn as the request's limit allows. Calls are whole or left out."""
        limit = chat.max_completion_tokens or chat.max_tokens
        if limit and len(self.words) + bool(self.calls) > limit:
            return Turn("".join(self.words[:limit]), cut_off=True)
        return self


def completion(chat: ChatRequest, turn: Turn) -> dict[str, Any]:
    """Return the whole answer as one JSON object."""
    calls = [call.to_json() for call in turn.calls]
    message = {"role": "assistant", "content": turn.text or None, "tool_calls": calls or None}
    choice = {"index": 0, "message": message, "finish_reason": turn.reason}
    return {**_head("chat.completion"), "choices": [choice], "usage": _usage(chat, turn)}


def chunks(chat: ChatRequest, turn: Turn) -> Iterator[dict[str, Any]]:
    """Yield the answer in pieces of a token each, then why it ends, and the usage if asked for."""
    head = _head("chat.completion.chunk")
    with_usage = (chat.stream_options or {}).get("include_usage")
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": word} for word in turn.words]
    deltas += [{"tool_calls": [{"index": i, **c.to_json()}]} for i, c in enumerate(turn.calls)]
    for delta in [*deltas, {}]:
        reason = None if delta else turn.reason
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        yield {**head, "choices": [choice], **({"usage": None} if with_usage else {})}
    if with_usage:
        yield {**head, "choices": [], "usage": _usage(chat, turn)}


def _head(kind: str) -> dict[str, Any]:
    """Return what a completion, or every chunk of one, begins with."""
    made = {"created": int(time.time()), "model": MODEL}
    return {"id": f"chatcmpl-{secrets.token_hex(12)}", "object": kind, **made}


def _usage(chat: ChatRequest, turn: Turn) -> dict[str, int]:
    """Count tokens: words, and calls."""
    asked = sum(len(_words(message.text)) for message in chat.messages)
    said = len(turn.words) + len(turn.calls)
    return {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}


def _words(text: str) -> list[str]:
    return re.findall(r"\s*\S+\s*|\s+", text)
