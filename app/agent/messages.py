"""What the model says and is told, as values."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from app.agent.events import DisplayPart, ToolCallUpdate, from_json
from app.agent.tool_results import render_for_model


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool gave: a JSON value, and what it shows the person."""

    result: Any
    display: tuple[DisplayPart, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """What came of asking a person. `arguments` are those to call with, as they left them."""

    status: Literal["approved", "declined", "expired"]
    arguments: dict[str, Any]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ToolRequest:
    """The model wants a tool called. `arguments` is the JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Turn:
    """One finished turn of the model: its text, the calls it asks for, and what it cost."""

    text: str
    calls: tuple[ToolRequest, ...]
    usage: dict[str, int] | None = None


PastTurn = tuple[Turn, dict[str, ToolCallUpdate]]
"""A finished turn and what came of its calls, by id; a call may be there as started only."""


def parse_arguments(arguments: str) -> dict[str, Any] | None:
    """A call's arguments as the model wrote them; None if they are no JSON object."""
    try:
        value = from_json(arguments)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def turn_messages(
    text: str, calls: Sequence[ToolRequest], ended: dict[str, ToolCallUpdate]
) -> list[dict[str, Any]]:
    """A turn and its calls as chat messages. A call without an end gets one here: an answer
    without a result for every call would be refused by the endpoint for ever after."""
    turn: dict[str, Any] = {"role": "assistant", "content": text or None}
    if calls:
        turn["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {
                    "name": call.name,
                    "arguments": json.dumps(parse_arguments(call.arguments) or {}),
                },
            }
            for call in calls
        ]
    results = [
        {
            "role": "tool",
            "tool_call_id": call.id,
            "content": _told(ended.get(call.id), _changed(call, ended.get(call.id))),
        }
        for call in calls
    ]
    return [turn, *results]


def _changed(call: ToolRequest, end: ToolCallUpdate | None) -> list[str]:
    """What the model has to know when the call that was made is not the one it asked for."""
    if end is None or end.arguments == (parse_arguments(call.arguments) or {}):
        return []
    made = json.dumps(end.arguments, ensure_ascii=False)
    return [f"The person changed the arguments to {made}."]


def _told(end: ToolCallUpdate | None, notes: list[str]) -> str:
    """A call's end as the model reads it."""
    if end is None or end.status == "started":
        return render_for_model({"error": "The call was stopped before it had a result."})
    if end.status == "failed":
        return render_for_model({"error": end.error}, notes)
    return render_for_model(end.result, notes)
