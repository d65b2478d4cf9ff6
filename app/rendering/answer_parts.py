"""The parts of an answer, and how what shows them changes."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.agent.events import ApprovalRequested, ToolCallUpdate
from app.rendering.links import LinkTarget, direct
from app.rendering.markdown import to_html
from app.rendering.streamed_markdown import Patch, StreamedMarkdown
from app.rendering.suggestions import SuggestionFilter, without_suggestions


@dataclass(slots=True)
class TextPart:
    """The text between two tool calls."""

    target: LinkTarget = direct
    markdown: StreamedMarkdown = field(init=False)
    suggestions: SuggestionFilter = field(default_factory=SuggestionFilter)
    # A string would be copied as a whole for each chunk.
    _source: bytearray = field(default_factory=bytearray)

    kind = "text"

    def __post_init__(self) -> None:
        self.markdown = StreamedMarkdown(self.target)

    @property
    def source(self) -> str:
        return self._source.decode()

    @property
    def html(self) -> str:
        return to_html(without_suggestions(self.source), self.target)

    def write(self, chunk: str) -> Patch | None:
        """Add text. Return how the page changes, or None if it doesn't."""
        self._source += chunk.encode()
        text = self.suggestions.feed(chunk)
        return self.markdown.feed(text) if text else None

    def close(self) -> list[Patch]:
        """Finish the text. Return how the page changes."""
        held = self.suggestions.close()
        patches = (held and self.markdown.feed(held), self.markdown.close())
        return [patch for patch in patches if patch]


@dataclass(slots=True)
class ToolPart:
    """A tool call, as the last event about it says. `waits` says that its person has to decide."""

    call: ToolCallUpdate
    waits: bool = False

    kind = "tool"


@dataclass(slots=True)
class ThoughtsPart:
    """What the model thought, and for how many seconds."""

    thoughts: str
    seconds: float | None

    kind = "thoughts"


@dataclass(frozen=True)
class TextChange:
    part: TextPart
    patch: Patch


@dataclass(frozen=True)
class TextOpened:
    """A new part of text, still empty."""


@dataclass(frozen=True)
class ToolChange:
    part: ToolPart
    new: bool


@dataclass(frozen=True)
class ThoughtsChange:
    """The model has thought, and is about to write."""

    part: ThoughtsPart


@dataclass(frozen=True)
class ProgressChange:
    """A call that is being made has come on."""

    part: ToolPart


@dataclass(frozen=True)
class ApprovalsChange:
    """The approvals that the run waits for, all of them. `part` is the call that does or did."""

    approvals: list[ApprovalRequested]
    part: ToolPart | None = None


@dataclass(frozen=True)
class StatusChange:
    message: str


@dataclass(frozen=True)
class StartedOver:
    """The answer is sent again from its start; readers drop what they have of it."""


Change = (
    TextChange
    | TextOpened
    | ToolChange
    | ThoughtsChange
    | ProgressChange
    | ApprovalsChange
    | StatusChange
    | StartedOver
)
