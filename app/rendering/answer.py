"""What a reader has of an answer: its run's events folded into parts.

Each way of showing an answer takes the changes from here: a page, a stream of fragments, a page
that is held open. Knows neither HTML pages nor Server-Sent Events.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from markupsafe import Markup

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
from app.agent.usage import Usage
from app.grounding.figure import Figure
from app.rendering.answer_parts import (
    ApprovalsChange,
    Change,
    ProgressChange,
    StartedOver,
    StatusChange,
    TextChange,
    TextOpened,
    TextPart,
    ThoughtsChange,
    ThoughtsPart,
    ToolChange,
    ToolPart,
)
from app.rendering.code_colours import with_colours
from app.rendering.figures import CallLinks, with_marks
from app.rendering.links import LinkTarget, direct
from app.rendering.markdown_tables import read_tables
from app.rendering.suggestions import choose


@dataclass(slots=True)
class AnswerView:
    """An answer as far as its reader has it.

    `status` is "running" until Done. `thinking` says what the run is busy with; "" while it writes.
    `target` says where the links in its texts lead. `message_id` is "" until Done.
    """

    run_id: str
    status: str = "running"
    thinking: str = ""
    parts: list[TextPart | ToolPart | ThoughtsPart] = field(default_factory=list)
    failure: Failed | None = None
    approvals: list[ApprovalRequested] = field(default_factory=list)
    target: LinkTarget = direct
    conversation_id: str = ""
    message_id: str = ""
    figures: tuple[Figure, ...] = ()
    usage: Usage | None = None
    models: tuple[str, ...] = ()
    seconds: float | None = None
    rating: str | None = None
    rating_reason: str | None = None

    @property
    def live(self) -> bool:
        return self.status == "running"

    @property
    def text(self) -> str:
        return "".join(part.source for part in self._texts)

    @property
    def calls(self) -> list[ToolCallUpdate]:
        return [part.call for part in self._calls]

    @property
    def suggestions(self) -> list[str]:
        """The questions to ask next: of a complete answer, the model's and then a tool's.

        The last call's that suggests any: a later call may have answered what an earlier one did.
        """
        if self.status != "completed":
            return []
        last = self.parts[-1] if self.parts else None
        own = last.suggestions.questions if isinstance(last, TextPart) else []
        calls = (call.suggestions for call in reversed(self.calls) if call.suggestions)
        return choose([*own, *next(calls, ())])

    @property
    def tables(self) -> int:
        """How many tables its text has."""
        return len(read_tables(self.text))

    @property
    def unsourced(self) -> list[str]:
        """The figures that are not from the tools, each once."""
        return list(dict.fromkeys(each.text for each in self.figures if each.source == "none"))

    @property
    def is_marked(self) -> bool:
        """Whether its figures or colours of code change how the finished answer looks."""
        has_marks = any(each.source != "question" for each in self.figures)
        return has_marks or any("```" in part.source for part in self._texts)

    def htmls(self) -> Iterator[str]:
        """Yield the finished HTML of each part of text, with its figures marked."""
        links = CallLinks({call.id: call.tool for call in self.calls})
        begin = 0
        for part in self._texts:
            end = begin + len(part.source)
            figures = [each for each in self.figures if begin <= each.start and each.end <= end]
            marked = with_marks(part.source, begin, part.html, figures, self.target, links)
            # The sanitised HTML, with classes of our own.
            yield Markup(with_colours(marked))  # noqa: S704 # nosec B704
            begin = end

    @property
    def shown_as_written(self) -> bool:
        """Whether the streamed HTML is that of the whole text.

        In few texts something at the end changes how the beginning reads, a link's address, say.
        """
        return all(part.markdown.has_become(part.html) for part in self._texts)

    @property
    def _texts(self) -> list[TextPart]:
        return [part for part in self.parts if isinstance(part, TextPart)]

    @property
    def _calls(self) -> list[ToolPart]:
        return [part for part in self.parts if isinstance(part, ToolPart)]

    def apply_all(self, events: Iterable[Event]) -> AnswerView:
        for event in events:
            self.apply(event)
        return self

    def apply(self, event: Event) -> list[Change]:
        """Take one event in. Return what of the page changes."""
        match event:
            case RunStarted(conversation_id=conversation_id):
                self.conversation_id = conversation_id
                return []
            case Thinking():
                return self._think(event)
            case Content():
                return self._write(event)
            case ToolCallUpdate():
                return [*self._update_call(event), *self._end_approval(event.id)]
            case ApprovalRequested():
                self._end_approval(event.id)
                self.approvals.append(event)
                return [ApprovalsChange(list(self.approvals), self._note_wait(event.id, True))]
            case Failed():
                self.failure = event
                return []
            case Done():
                self.status, self.thinking = event.status, ""
                self.message_id, self.figures = event.message_id, event.figures
                self.usage, self.models, self.seconds = event.usage, event.models, event.seconds
                self.approvals.clear()
                for part in self._calls:
                    part.waits = False
                return self.close_text()

    def close_text(self) -> list[Change]:
        """Finish the last part, if it is text."""
        part = self.parts[-1] if self.parts else None
        if not isinstance(part, TextPart):
            return []
        return [TextChange(part, patch) for patch in part.close()]

    def forget_finished(self) -> None:
        """Drop the HTML that the reader has and that can't change any more, to save memory.

        Until the answer ends or starts over it can't be shown as a whole after that.
        """
        for part in self._texts:
            part.markdown.finished = ""

    def _think(self, event: Thinking) -> list[Change]:
        changes = self.close_text()
        if event.thoughts:
            part = ThoughtsPart(event.thoughts, event.seconds)
            self.parts.append(part)
            return [*changes, ThoughtsChange(part)]
        self.thinking = event.message
        return [*changes, StatusChange(event.message)]

    def _write(self, event: Content) -> list[Change]:
        changes: list[Change] = []
        if event.replace:
            # The calls too: they come once more, each at its place in the text.
            self.parts.clear()
            self.approvals.clear()
            changes.append(StartedOver())
        if self.thinking:
            self.thinking = ""
            changes.append(StatusChange(""))
        if not event.chunk:
            return changes
        part = self.parts[-1] if self.parts else None
        if not isinstance(part, TextPart):
            part = TextPart(self.target)
            self.parts.append(part)
            changes.append(TextOpened())
        patch = part.write(event.chunk)
        return [*changes, TextChange(part, patch)] if patch else changes

    def _update_call(self, event: ToolCallUpdate) -> list[Change]:
        for part in self._calls:
            if part.call.id == event.id:
                part.call = event
                return [ProgressChange(part) if event.progress else ToolChange(part, new=False)]
        changes = self.close_text()
        new = ToolPart(event)
        self.parts.append(new)
        return [*changes, ToolChange(new, new=True)]

    def _end_approval(self, call_id: str) -> list[Change]:
        """Note that this call waits for nobody any more."""
        before = len(self.approvals)
        self.approvals = [one for one in self.approvals if one.id != call_id]
        if len(self.approvals) == before:
            return []
        return [ApprovalsChange(list(self.approvals), self._note_wait(call_id, False))]

    def _note_wait(self, call_id: str, waits: bool) -> ToolPart | None:
        """Note whether a call waits for its person. Return its part, if the reader has it."""
        part = next((each for each in self._calls if each.call.id == call_id), None)
        if part is not None:
            part.waits = waits
        return part


def just_begun(run_id: str) -> AnswerView:
    """Return the view of an answer whose question has just been asked."""
    return AnswerView(run_id, thinking="Thinking…")
