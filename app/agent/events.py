"""What happens in a run, as values. `name` is the event's name on the wire."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Literal

from app.json_input import is_too_deep

ToolStatus = Literal["started", "completed", "failed"]
Outcome = Literal["completed", "failed", "stopped"]


@dataclass(frozen=True, slots=True)
class RunStarted:
    name: ClassVar[str] = "run"
    run_id: str
    conversation_id: str


@dataclass(frozen=True, slots=True)
class Thinking:
    name: ClassVar[str] = "thinking"
    message: str
    status: str = "processing"


@dataclass(frozen=True, slots=True)
class DisplayPart:
    """Something for a person to look at, safe to be put into a page as it is: HTML, a picture as
    a data: URL, plain text, or a table as CSV. `name` is a file's name, or ""."""

    kind: Literal["html", "picture", "text", "csv"]
    text: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class ToolCallUpdate:
    """A tool call's start or end. `result` is the JSON the tool gave, and `shown` what it shows
    the person; `duration_ms` at the end. `tokens` is about what the model's view of the result
    costs."""

    name: ClassVar[str] = "tool"
    id: str
    tool: str
    status: ToolStatus
    arguments: dict[str, Any]
    result: Any = None
    error: str | None = None
    duration_ms: int | None = None
    tokens: int | None = None
    display: tuple[DisplayPart, ...] = ()


@dataclass(frozen=True, slots=True)
class ApprovalRequested:
    """A tool call that was told as started waits for the person. `url` is where they decide,
    `expires_at` is ISO 8601 in UTC. Then the call is told as started once more, or as failed."""

    name: ClassVar[str] = "approval"
    id: str
    tool: str
    arguments: dict[str, Any]
    url: str
    expires_at: str


@dataclass(frozen=True, slots=True)
class Content:
    """Text from the model. With `replace` it stands for all text of the answer so far."""

    name: ClassVar[str] = "content"
    chunk: str
    replace: bool = False


@dataclass(frozen=True, slots=True)
class Failed:
    name: ClassVar[str] = "error"
    code: str
    message: str
    retryable: bool


@dataclass(frozen=True, slots=True)
class Done:
    """Always the last. `usage` counts tokens: prompt_tokens, completion_tokens, total_tokens."""

    name: ClassVar[str] = "done"
    status: Outcome
    message_id: str
    usage: dict[str, int] | None = None


Event = RunStarted | Thinking | ToolCallUpdate | ApprovalRequested | Content | Failed | Done


_WIRE_NAMES = {
    "run_id": "runId",
    "conversation_id": "conversationId",
    "message_id": "messageId",
    "duration_ms": "durationMs",
    "expires_at": "expiresAt",
    "tool": "name",
}
# Left out unless they say something; 0 and "" are results like any other.
_LEFT_OUT = {
    **dict.fromkeys(("result", "error", "duration_ms", "tokens", "usage")),
    "replace": False,
    "display": (),
}
_MEDIA_TYPES = {"html": "text/html", "text": "text/plain", "csv": "text/csv"}


def from_json(text: str | bytes) -> Any:
    """The value of a JSON text that came from outside. Raises ValueError for what can't be sent on
    to every reader: NaN, half characters, nesting without end, an encoding but UTF-8."""
    if isinstance(text, bytes):
        text = text.decode("utf-8-sig")
    if is_too_deep(text):
        raise ValueError("nested too deeply")
    value = json.loads(text)
    json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    return value


def to_json(event: Event) -> dict[str, Any]:
    """The event's JSON data as the API sends it, in camelCase. Of what a tool shows it says where
    that is: few readers want all of it, and it can be large."""
    data = {
        _WIRE_NAMES.get(key, key): value
        for key, value in asdict(event).items()
        if key not in _LEFT_OUT or value is not _LEFT_OUT[key]
    }
    if isinstance(event, ToolCallUpdate) and event.display:
        data["shown"] = [_address(event.id, at, one) for at, one in enumerate(event.display)]
    return data


def _address(call_id: str, at: int, shown: DisplayPart) -> dict[str, str]:
    url = f"/calls/{call_id}/shown/{at}"
    return {"mimeType": media_type(shown), "name": shown.name, "url": url}


def media_type(shown: DisplayPart) -> str:
    """Such as text/html or image/png."""
    return _MEDIA_TYPES.get(shown.kind) or shown.text[len("data:") :].partition(";")[0]


_EVENTS: dict[str, type[Event]] = {
    kind.name: kind
    for kind in (RunStarted, Thinking, ToolCallUpdate, ApprovalRequested, Content, Failed, Done)
}


def to_text(event: Event) -> str:
    """The event as `from_text` reads it again."""
    data = {field.name: getattr(event, field.name) for field in fields(event)}
    return json.dumps([event.name, data], ensure_ascii=False, separators=(",", ":"), default=asdict)


def from_text(text: str) -> Event:
    """The event that `to_text` wrote down."""
    name, data = json.loads(text)
    if "display" in data:
        data["display"] = display_parts_from_json(data["display"])
    return _EVENTS[name](**data)


def display_parts_from_json(stored: Iterable[dict[str, Any]] | None) -> tuple[DisplayPart, ...]:
    """What was shown, from its JSON."""
    return tuple(DisplayPart(**one) for one in stored or ())
