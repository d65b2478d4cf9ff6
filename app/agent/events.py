"""The events of a run, and their JSON. An event's `name` is its name on the wire."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar, Literal

from app.agent.usage import Usage
from app.grounding.figure import Figure, figures_from_json

ToolStatus = Literal["started", "completed", "failed"]
Outcome = Literal["completed", "cut_off", "failed", "stopped"]
"""How a run ends. `cut_off`: the model's last reply reached its limit of tokens."""


@dataclass(frozen=True, slots=True)
class RunStarted:
    """Always the first event."""

    name: ClassVar[str] = "run"
    run_id: str
    conversation_id: str


@dataclass(frozen=True, slots=True)
class Thinking:
    """The model or a tool is at work; `message` says which, for people.

    With `thoughts` the model has thought them, for `seconds`, and is about to write or to call.
    """

    name: ClassVar[str] = "thinking"
    message: str
    status: str = "processing"
    thoughts: str = ""
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class DisplayPart:
    """A part of a tool's result for people, safe to be put into a page.

    `text` is HTML, a data: URL of a picture, plain text or CSV, by `kind`. `name` is the name of
    its file, or "". A "suggestion" is a question to ask next, shown as a button below the
    answer, and "words" are what came of the call, shown on its line. A "log" is a line that the
    tool logged, shown in the call's details; its `name` is "info", "warning" or "error".
    """

    kind: Literal["html", "picture", "text", "csv", "suggestion", "words", "log"]
    text: str
    name: str = ""


def shown_parts(display: Iterable[DisplayPart]) -> tuple[DisplayPart, ...]:
    """Return the parts that are shown beside their call."""
    return tuple(part for part in display if part.kind not in ("suggestion", "words", "log"))


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a tool call is, as its server says: `done` of `total`, if that is known."""

    done: float
    total: float | None = None
    message: str = ""

    @property
    def words(self) -> str:
        """In one line, such as "3 of 10 · Reading sales"."""
        amount = "" if self.message and self.total is None else _number(self.done)
        if self.total is not None:
            amount += f" of {_number(self.total)}"
        return " · ".join(filter(None, (amount, self.message)))


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


@dataclass(frozen=True, slots=True)
class ToolCallUpdate:
    """A tool call started, came on or ended.

    `arguments` are those that it is called with; `repairs` says in words how they were read
    otherwise than the model wrote them. `result` is a JSON value. `duration_ms` comes with the end
    of a call that was made, and `tokens` with a result: about what it costs as the model reads it.

    `progress` comes with a call that has started, again and again while it is made.

    `repeated`: the same call had been made before, and this is its end again. `refused`: nothing
    came of the call, and `error` is this program's own word.
    """

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
    repairs: tuple[str, ...] = ()
    repeated: bool = False
    refused: bool = False
    progress: Progress | None = None

    @property
    def shown(self) -> tuple[DisplayPart, ...]:
        """The parts to show beside the call.

        In `display` they stand before the others, so each has the same number in both.
        """
        return shown_parts(self.display)

    @property
    def words(self) -> str:
        """What came of the call, in a few words such as "7 found"; "" if its tool doesn't say."""
        return next((part.text for part in self.display if part.kind == "words"), "")

    @property
    def log(self) -> list[DisplayPart]:
        """The lines that the tool logged, once the call has ended."""
        return [part for part in self.display if part.kind == "log"]

    @property
    def suggestions(self) -> list[str]:
        """The questions that the tool suggests to ask next."""
        return [part.text for part in self.display if part.kind == "suggestion"]


@dataclass(frozen=True, slots=True)
class ApprovalRequested:
    """A started tool call waits for a person's decision.

    They decide at `url`, before `expires_at` (ISO 8601, UTC). After that comes another
    ToolCallUpdate: started again, or failed.

    It has all that a page shows of the approval: the tool's `title`, the `labels` of its arguments
    by name, and a `preview` of what the call would do. The API's JSON leaves these out.
    """

    name: ClassVar[str] = "approval"
    id: str
    tool: str
    arguments: dict[str, Any]
    url: str
    expires_at: str
    title: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    preview: tuple[DisplayPart, ...] = ()

    @property
    def approval_id(self) -> str:
        return self.url.rpartition("/")[2]

    @property
    def digest(self) -> str:
        """Identifies the call's tool and arguments. A form proves with it what it showed."""
        text = json.dumps([self.tool, self.arguments], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Content:
    """Text from the model. With `replace` it replaces all text of the answer before it."""

    name: ClassVar[str] = "content"
    chunk: str
    replace: bool = False


@dataclass(frozen=True, slots=True)
class Failed:
    """The run failed. `retryable` says whether trying again may help.

    `detail` is what the other side said, or "": for admins, so it is in no JSON of the API.
    """

    name: ClassVar[str] = "error"
    code: str
    message: str
    retryable: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """Always the last event. `usage` is that of all the run's turns together; `figures` says where
    those in the answer's text are from; `models` wrote it, by their endpoint's names for them, each
    once; `seconds` is the time since it was asked for."""

    name: ClassVar[str] = "done"
    status: Outcome
    message_id: str
    usage: Usage | None = None
    figures: tuple[Figure, ...] = ()
    models: tuple[str, ...] = ()
    seconds: float | None = None


Event = RunStarted | Thinking | ToolCallUpdate | ApprovalRequested | Content | Failed | Done

_EVENTS: dict[str, type[Event]] = {
    kind.name: kind
    for kind in (RunStarted, Thinking, ToolCallUpdate, ApprovalRequested, Content, Failed, Done)
}
_FIELDS = {
    name: [(one.name, one.default) for one in fields(kind)] for name, kind in _EVENTS.items()
}
"""The fields of each event with their default values. To look them up takes longer than to write
an event, and each piece of an answer is one."""
_WIRE_NAMES = {
    "run_id": "runId",
    "conversation_id": "conversationId",
    "message_id": "messageId",
    "duration_ms": "durationMs",
    "expires_at": "expiresAt",
    "tool": "name",
}
# Left out of the API's JSON while they have this value; 0 and "" are results like any other.
_LEFT_OUT = {
    **dict.fromkeys(("result", "error", "duration_ms", "tokens", "usage", "progress", "seconds")),
    "thoughts": "",
    "replace": False,
    "repeated": False,
    "repairs": (),
    "figures": (),
    "models": (),
}
_NOT_IN_API = {"detail", "title", "labels", "preview", "refused", "display"}
_MEDIA_TYPES = {"html": "text/html", "text": "text/plain", "csv": "text/csv"}


def to_json(event: Event) -> dict[str, Any]:
    """Return the event's JSON data as the API sends it, in camelCase.

    Display parts can be large, and few readers want them: each is given as its address.
    """
    data = {
        _WIRE_NAMES.get(key, key): value
        for key, value in asdict(event).items()
        if key not in _NOT_IN_API and (key not in _LEFT_OUT or value is not _LEFT_OUT[key])
    }
    if isinstance(event, ToolCallUpdate) and event.shown:
        data["shown"] = [_address(event.id, at, part) for at, part in enumerate(event.shown)]
    if isinstance(event, ToolCallUpdate) and event.suggestions:
        data["suggestions"] = event.suggestions
    if isinstance(event, ToolCallUpdate) and event.words:
        data["words"] = event.words
    if isinstance(event, ToolCallUpdate) and event.log:
        data["log"] = [{"level": line.name, "text": line.text} for line in event.log]
    return data


def _address(call_id: str, at: int, part: DisplayPart) -> dict[str, str]:
    url = f"/calls/{call_id}/shown/{at}"
    return {"mimeType": media_type(part), "name": part.name, "url": url}


def media_type(part: DisplayPart) -> str:
    """Return a display part's media type, such as text/html or image/png."""
    return _MEDIA_TYPES.get(part.kind) or part.text[len("data:") :].partition(";")[0]


def to_text(event: Event) -> str:
    """Write the event as text that `from_text` reads, in any version that knows what is not left
    as it is by default."""
    data = {
        name: value
        for name, default in _FIELDS[event.name]
        if (value := getattr(event, name)) != default
    }
    return json.dumps([event.name, data], ensure_ascii=False, separators=(",", ":"), default=asdict)


def from_text(text: str) -> Event:
    """Read an event that `to_text` wrote, maybe that of a later version with more fields."""
    name, data = json.loads(text)
    for key in ("display", "preview"):
        if key in data:
            data[key] = display_parts_from_json(data[key])
    if "repairs" in data:
        data["repairs"] = tuple(data["repairs"])
    if data.get("progress"):
        data["progress"] = Progress(**data["progress"])
    if "models" in data:
        data["models"] = tuple(data["models"])
    if "figures" in data:
        data["figures"] = figures_from_json(data["figures"])
    if data.get("usage"):
        data["usage"] = Usage.from_json(data["usage"])
    kind = _EVENTS[name]
    return kind(**{key: value for key, value in data.items() if key in kind.__slots__})


def display_parts_from_json(stored: Iterable[dict[str, Any]] | None) -> tuple[DisplayPart, ...]:
    """Read stored display parts, each a DisplayPart as JSON."""
    return tuple(DisplayPart(**part) for part in stored or ())
