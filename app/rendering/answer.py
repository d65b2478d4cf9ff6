"""An answer as a reader has it: its run's events folded into parts, for every way of showing it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from app.agent.events import (
    ApprovalRequested,
    Content,
    Done,
    Event,
    Failed,
    RunStarted,
    Thinking,
    ToolCallUpdate,
)
from app.rendering.markdown import to_html
from app.rendering.streamed_markdown import Patch, StreamedMarkdown


@dataclass(slots=True)
class TextPart:
    """A stretch of text between tool calls. `number` tells it from the others of its answer."""

    number: int
    markdown: StreamedMarkdown = field(default_factory=StreamedMarkdown)
    # A string would be copied as a whole for each chunk.
    _source: bytearray = field(default_factory=bytearray)

    kind = "text"

    @property
    def source(self) -> str:
        return self._source.decode()

    def write(self, chunk: str) -> Patch | None:
        """More of it; how the page changes, if it does."""
        self._source += chunk.encode()
        return self.markdown.feed(chunk)

    @property
    def html(self) -> str:
        return to_html(self.source)


@dataclass(slots=True)
class ToolPart:
    """A tool call, as the last event about it told."""

    call: ToolCallUpdate

    kind = "tool"


@dataclass(frozen=True)
class TextChange:
    part: TextPart
    patch: Patch


@dataclass(frozen=True)
class TextOpened:
    part: TextPart


@dataclass(frozen=True)
class ToolChange:
    part: ToolPart
    new: bool


@dataclass(frozen=True)
class ApprovalsChange:
    """What is waited for is now all of this."""

    approvals: list[ApprovalRequested]


@dataclass(frozen=True)
class StatusChange:
    message: str


@dataclass(frozen=True)
class Begun:
    """All of the answer is told anew: what is shown of it goes."""


Change = TextChange | TextOpened | ToolChange | ApprovalsChange | StatusChange | Begun


@dataclass(slots=True)
class Answer:
    """`status` is "running" until Done; `thinking` is what the run is busy with, or ""."""

    run_id: str
    status: str = "running"
    thinking: str = ""
    parts: list[TextPart | ToolPart] = field(default_factory=list)
    failure: Failed | None = None
    approvals: list[ApprovalRequested] = field(default_factory=list)

    @property
    def live(self) -> bool:
        return self.status == "running"

    @property
    def shown_as_written(self) -> bool:
        """Whether what was shown while it was written is what the whole text looks like. Few texts
        say something at their end that changes how their beginning reads."""
        texts = [part for part in self.parts if isinstance(part, TextPart)]
        return all(part.markdown.has_become(part.html) for part in texts)

    @property
    def text(self) -> str:
        return "".join(part.source for part in self.parts if isinstance(part, TextPart))

    @property
    def calls(self) -> list[ToolCallUpdate]:
        return [part.call for part in self.parts if isinstance(part, ToolPart)]

    def apply(self, event: Event) -> list[Change]:
        """Take one event in; what of the page changes by it."""
        match event:
            case RunStarted():
                return []
            case Thinking(message=message):
                self.thinking = message
                return [*self.close_text(), StatusChange(message)]
            case Content():
                return self._write(event)
            case ToolCallUpdate():
                return [*self._tool(event), *self._settled(event.id)]
            case ApprovalRequested():
                self._settled(event.id)
                self.approvals.append(event)
                return [ApprovalsChange(list(self.approvals))]
            case Failed():
                self.failure = event
                return []
            case Done(status=status):
                self.status, self.thinking = status, ""
                self.approvals.clear()
                return self.close_text()

    def was_shown(self) -> None:
        """Its reader has it as it is now, and is only told of changes: it can't be shown as a whole
        any more until it ends or begins anew."""
        for part in self.parts:
            if isinstance(part, TextPart):
                part.markdown.finished = ""

    def apply_all(self, events: Iterable[Event]) -> Answer:
        for event in events:
            self.apply(event)
        return self

    def _write(self, event: Content) -> list[Change]:
        changes: list[Change] = []
        if event.replace:
            # The calls too: another worker tells them again, each at its place in the text.
            self.parts.clear()
            self.approvals.clear()
            changes.append(Begun())
        if self.thinking:
            self.thinking = ""
            changes.append(StatusChange(""))
        if not event.chunk:
            return changes
        part = self.parts[-1] if self.parts else None
        if not isinstance(part, TextPart):
            part = TextPart(len(self.parts))
            self.parts.append(part)
            changes.append(TextOpened(part))
        patch = part.write(event.chunk)
        return [*changes, TextChange(part, patch)] if patch else changes

    def _tool(self, event: ToolCallUpdate) -> list[Change]:
        for part in self.parts:
            if isinstance(part, ToolPart) and part.call.id == event.id:
                part.call = event
                return [ToolChange(part, new=False)]
        changes = self.close_text()
        new = ToolPart(event)
        self.parts.append(new)
        return [*changes, ToolChange(new, new=True)]

    def _settled(self, call_id: str) -> list[Change]:
        """This call waits no more."""
        before = len(self.approvals)
        self.approvals = [one for one in self.approvals if one.id != call_id]
        changed = len(self.approvals) < before
        return [ApprovalsChange(list(self.approvals))] if changed else []

    def close_text(self) -> list[Change]:
        """The last part of text is complete."""
        part = self.parts[-1] if self.parts else None
        patch = part.markdown.close() if isinstance(part, TextPart) else None
        return [TextChange(part, patch)] if isinstance(part, TextPart) and patch else []
