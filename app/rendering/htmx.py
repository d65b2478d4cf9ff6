"""One run's events as its readers get them: SSE JSON, SSE fragments for htmx, or a held-open page.

Each is a plain generator over batches of log entries and touches neither request nor database.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from flask import Flask, render_template
from markupsafe import escape

from app.agent.events import ApprovalRequested, Content, Done, Event, ToolCallUpdate
from app.rendering.answer import (
    Answer,
    ApprovalsChange,
    Begun,
    Change,
    StatusChange,
    TextChange,
    TextOpened,
    ToolChange,
)
from app.rendering.sse import BACK_MS, RETRY_MS, Batches, compact_json, sse
from app.rendering.streamed_markdown import Patch
from app.runs.event_log import Entry

# The events that add to a text, by how deep in its elements; _live.html has a slot for each. Most
# of what comes goes to the end of a paragraph.
_SLOTS = ("0", "message", "2", "3", "4")


def as_fragments(batches: Batches, answer: Answer, html: Html) -> Iterator[str]:
    """The event stream that htmx swaps in: a snapshot that replaces, then what changes."""
    seq = 0
    for entries in batches:
        # Every batch is one piece, since each is sent by itself; and no name is given to one, since
        # it would be kept until the next.
        if not entries:
            yield sse("ping", "{}", id=seq)
        elif seq:
            yield html.changes(answer, entries)
        else:
            yield f"retry: {RETRY_MS}\n\n" + html.changes(answer, entries, first=True)
        answer.was_shown()
        seq = entries[-1].seq if entries else seq
        # Or they would be kept until the next ones come.
        del entries
    if answer.live:
        yield f"retry: {BACK_MS}\n\n"


def _joined(entries: list[Entry]) -> list[Event]:
    """The events, those that only add text put together: a reader who comes late or falls behind
    costs no more than one who doesn't."""
    if len(entries) == 1:
        return [entries[0].event]
    events: list[Event] = []
    for is_text, run in groupby((entry.event for entry in entries), key=_only_adds):
        texts = list(run)
        events += [Content("".join(text.chunk for text in texts))] if is_text else texts  # type: ignore[union-attr]
    return events


def _only_adds(event: Event) -> bool:
    return isinstance(event, Content) and not event.replace


def _text_messages(run_id: str, patch: Patch) -> str:
    if patch.dropped == 0:
        return "".join([_added(run_id, depth, html) for depth, html in patch.added])
    last = f"#p-{run_id} > :last-child > :last-child"
    dropped = partial(last, "delete", "") * (patch.dropped - 1)
    (_, html), *_ = patch.added
    return (sse("swap", dropped) if dropped else "") + sse("last", html)


def _added(run_id: str, depth: int, html: str) -> str:
    if depth < len(_SLOTS):
        return sse(_SLOTS[depth], html)
    within = f"#p-{run_id} > :last-child" + " > :last-child" * depth
    return sse("swap", partial(within, "beforeend", html))


def busy() -> Iterator[str]:
    """A stream that asks its reader to poll: there are too many streams already."""
    yield sse("busy", "{}")


def closing_notice(run_id: str, notice: str) -> Iterator[str]:
    """A stream that only says why there is nothing to stream, in a way that ends it for good."""
    yield sse("swap", partial(f"#a-{run_id}", "outerHTML", notice), id=0)
    yield sse("done", compact_json({"status": "failed", "messageId": ""}), id=0)


def partial(target: str, swap: str, html: str) -> str:
    return f'<hx-partial hx-target="{target}" hx-swap="{swap}">{html}</hx-partial>'


@dataclass(frozen=True)
class Html:
    """Answers and their changes as HTML. `csrf_token` goes into the forms that are sent along."""

    app: Flask
    csrf_token: str

    def answer(self, answer: Answer) -> str:
        return self._render("chat/_answer.html", answer=answer)

    def outcome(self, answer: Answer) -> str:
        return self._render("chat/_outcome.html", answer=answer)

    def whole(self, answer: Answer) -> str:
        """The answer in the place of all that is shown of it."""
        return partial(f"#a-{answer.run_id}", "outerHTML", self.answer(answer))

    def _whole(self, answer: Answer, seq: int) -> str:
        return sse("swap", self.whole(answer), id=seq)

    def snapshot(self, answer: Answer, seq: int) -> str:
        """Events with all that changes of an answer while it is written, in the place of what is
        shown of that."""
        parts = self._render("chat/_parts.html", answer=answer) if answer.parts else ""
        waiting = self.approvals(answer.approvals) if answer.approvals else ""
        return (
            sse("parts", parts, id=seq)
            + sse("waiting", waiting)
            + sse("status", str(escape(answer.thinking)))
        )

    def changes(self, answer: Answer, entries: list[Entry], *, first: bool = False) -> str:
        """Take the entries in; the events that bring a page up to them, which has nothing yet when
        they are the `first`."""
        changes = [change for event in _joined(entries) for change in answer.apply(event)]
        seq, last = entries[-1].seq, entries[-1].event
        if first or any(isinstance(change, Begun) for change in changes):
            events = self.snapshot(answer, seq) if answer.live else self._whole(answer, seq)
        elif answer.live or answer.shown_as_written:
            events = "".join([self.message(answer.run_id, change) for change in changes])
            if not answer.live:
                foot = self._render("chat/_foot.html", answer=answer)
                events += sse("foot", foot.strip(), id=seq)
        else:
            events = self._whole(answer, seq)
        if isinstance(last, Done):
            done = {"status": last.status, "messageId": last.message_id}
            events += sse("done", compact_json(done), id=seq)
        return events

    def message(self, run_id: str, change: Change) -> str:
        """The change as an event for one of the slots that _live.html has; without an id, since
        each connection begins with a snapshot. Plain strings, for it happens all the time."""
        match change:
            case TextChange(patch=patch):
                return _text_messages(run_id, patch)
            case StatusChange(message=message):
                return sse("status", str(escape(message)))
            case TextOpened():
                return sse("part", '<div class="prose"></div>')
            case ToolChange(part=part, new=True):
                return sse("part", self.tool(part.call))
            case ToolChange(part=part):
                line = self.tool(part.call)
                return sse("swap", partial(f"#c-{part.call.id}", "outerHTML", line))
            case ApprovalsChange(approvals=approvals):
                return sse("waiting", self.approvals(approvals))
            case Begun():
                return ""

    def tool(self, call: ToolCallUpdate) -> str:
        return self._render("chat/_tool.html", call=call)

    def approvals(self, approvals: Sequence[ApprovalRequested]) -> str:
        return self._render("chat/_approvals.html", approvals=approvals)

    def progress(self, message: str) -> str:
        return self._render("chat/_progress.html", message=message)

    def ended(self) -> str:
        return self._render("chat/_ended.html")

    def begun_anew(self) -> str:
        return self._render("chat/_begun_anew.html")

    def moved(self) -> str:
        return self._render("chat/_moved.html")

    def _render(self, template: str, **values: Any) -> str:
        with self.app.app_context():
            return render_template(template, csrf_token=self.csrf_token, **values)
