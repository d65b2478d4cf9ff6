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


@dataclass(frozen=True)
class Turn:
    """What the model says in one turn: text, then tool calls; either may be missing."""

    text: str = ""
    calls: tuple[ToolCall, ...] = ()


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
    def _is_complete(self) -> Message:
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
    def _calls_are_answered(self) -> ChatRequest:
        """Check that every tool call has its result right behind it, and every result its call."""
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


def chunks(chat: ChatRequest, turn: Turn) -> Iterator[dict[str, Any]]:
    """Yield the answer in pieces of a token each, then why it ends, and the usage if asked for.

    A token is a word with the white space behind it, or a call. If the request's limit cuts the
    answer off, its calls are left out.
    """
    words = [{"content": word} for word in _words(turn.text)]
    calls = [{"tool_calls": [{"index": i, **c.to_json()}]} for i, c in enumerate(turn.calls)]
    limit = chat.max_completion_tokens or chat.max_tokens
    reason = "tool_calls" if calls else "stop"
    if limit and len(words) + bool(calls) > limit:
        words, calls, reason = words[:limit], [], "length"
    asked, said = sum(len(_words(m.text)) for m in chat.messages), len(words) + len(calls)
    usage = {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}
    with_usage = (chat.stream_options or {}).get("include_usage")
    made = {"id": f"chatcmpl-{secrets.token_hex(12)}", "created": int(time.time()), "model": MODEL}
    head = {**made, "object": "chat.completion.chunk", **({"usage": None} if with_usage else {})}
    for delta in [{"role": "assistant", "content": ""}, *words, *calls, {}]:
        choice = {"index": 0, "delta": delta, "finish_reason": None if delta else reason}
        yield {**head, "choices": [choice]}
    if with_usage:
        yield {**head, "choices": [], "usage": usage}


def completion(chat: ChatRequest, turn: Turn) -> dict[str, Any]:
    """Return the whole answer as one JSON object."""
    with_usage = chat.model_copy(update={"stream_options": {"include_usage": True}})
    *pieces, last = chunks(with_usage, turn)
    choices = [piece["choices"][0] for piece in pieces]
    content = "".join(choice["delta"].get("content", "") for choice in choices)
    calls = [call for choice in choices for call in choice["delta"].get("tool_calls", ())]
    message = {"role": "assistant", "content": content or None, "tool_calls": calls or None}
    whole = {"index": 0, "message": message, "finish_reason": choices[-1]["finish_reason"]}
    return {**last, "object": "chat.completion", "choices": [whole]}


def _words(text: str) -> list[str]:
    return re.findall(r"\s*\S+\s*|\s+", text)
