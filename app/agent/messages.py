"""What a model reads and writes, as plain values. No wire format is known here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import msgspec

from app.agent.events import DisplayPart, Thinking, ToolCallUpdate
from app.agent.tool_results import render_for_model, render_refusal
from app.agent.usage import Usage
from app.json_input import parse_json

IMAGE_SIZE = 4_000
"""Bytes of text that cost a model about as much as an image: most take some 1,000 tokens."""
SERVER_SEPARATOR = "__"
"""Stands between the server's name and the tool's in the names of other parties' tools."""


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as a model is offered it; `parameters` is the JSON Schema of its arguments."""

    name: str
    description: str
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ToolRequest:
    """A tool call that the model asks for. `arguments` is the JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool returned: a JSON value for the model, and parts to display to the person."""

    result: Any
    display: tuple[DisplayPart, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """A person's decision on a tool call. `arguments` are those to call with, maybe edited."""

    status: Literal["approved", "declined", "expired"]
    arguments: dict[str, Any]
    reason: str = ""


class ImageBytes:
    """An image's content. A class of its own, since it costs a model nothing by the byte."""

    __slots__ = ("content",)

    def __init__(self, content: bytes) -> None:
        self.content = content


@dataclass(frozen=True, slots=True)
class AttachedText:
    """A text that a person attached to a question; `length` is its length before it was cut."""

    name: str
    text: str
    length: int

    def cut(self, most_bytes: int) -> AttachedText:
        return replace(self, text=self.text.encode()[:most_bytes].decode(errors="ignore"))


@dataclass(frozen=True, slots=True)
class AttachedImage:
    """An image that a person attached to a question. Without `image` it isn't sent any more."""

    name: str
    media_type: str
    image: ImageBytes | None = None


AttachedFile = AttachedText | AttachedImage


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation with a model.

    `calls` are the tool calls that an assistant's message asks for; `call_id` says which of them
    a tool's message answers; `files` are those of a question.
    """

    role: Literal["system", "user", "assistant", "tool"]
    text: str
    calls: tuple[ToolRequest, ...] = ()
    call_id: str = ""
    files: tuple[AttachedFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """One finished reply of the model: its text and the tool calls it asks for.

    `usage` is None where the endpoint didn't count; `model` is the model that answered, by the
    endpoint's name for it. `cut_off` says that the reply reached its limit of tokens. A stored turn
    has its `thinking`, which no model gets again.
    """

    text: str
    calls: tuple[ToolRequest, ...]
    usage: Usage | None = None
    model: str = ""
    cut_off: bool = False
    thinking: Thinking | None = None


PastTurn = tuple[Turn, dict[str, ToolCallUpdate]]
"""A turn of an earlier attempt and the last update of each of its calls, by call id."""


def size_for_model(value: Any) -> int:
    """Return about how many bytes of text messages cost a model, as JSON."""
    return len(_SIZED.encode(value))


def _size_of_image(value: Any) -> str:
    if isinstance(value, ImageBytes):
        return "." * IMAGE_SIZE
    raise NotImplementedError(f"{type(value)} is no part of a message")


_SIZED = msgspec.json.Encoder(enc_hook=_size_of_image)


def parse_arguments(arguments: str) -> dict[str, Any] | None:
    """Parse a call's arguments, which may be encoded twice; None if they are not a JSON object."""
    try:
        value = parse_json(arguments)
        if isinstance(value, str):
            value = parse_json(value)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def turn_messages(turn: Turn, updates: Mapping[str, ToolCallUpdate]) -> list[Message]:
    """Return a turn and the results of its calls as messages, given each call's last update.

    A call without a result gets one that says so: endpoints refuse a conversation in which a call
    is not answered.
    """
    results = [
        Message("tool", _result_text(call, updates.get(call.id)), call_id=call.id)
        for call in turn.calls
    ]
    return [Message("assistant", turn.text, turn.calls), *results]


def _result_text(call: ToolRequest, update: ToolCallUpdate | None) -> str:
    if update is None or update.status == "started":
        return render_for_model({"error": "The call was stopped before it had a result."})
    result = {"error": update.error} if update.status == "failed" else update.result
    server, named, _ = call.name.partition(SERVER_SEPARATOR)
    source = server if named else ""
    if update.refused:
        return render_refusal(update.error or "", source=source)
    return render_for_model(result, _notes(call, update, source), source=source)


def _notes(call: ToolRequest, update: ToolCallUpdate, source: str) -> list[str]:
    """Say so when the call was made with other arguments than the model asked for, or not again."""
    notes = []
    made_with = json.dumps(update.arguments, ensure_ascii=False)
    if update.repairs and source:
        # Names and choices are another party's words, which no note of this program may quote.
        notes.append("Your arguments were corrected by the tool's schema.")
    elif update.repairs:
        notes.append(f"Your arguments were corrected to {made_with}: {'; '.join(update.repairs)}.")
    elif update.arguments != (parse_arguments(call.arguments) or {}):
        notes.append(f"The person changed the arguments to {made_with}.")
    if update.repeated:
        notes.append("You made this same call before. Here is its result again; use it.")
    return notes
