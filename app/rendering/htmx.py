"""One run's events as its readers get them: SSE JSON, SSE fragments for htmx, or a held-open page.

Each is a plain generator over batches of log entries and touches neither request nor database.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from flask import Flask, Response, render_template
from markupsafe import escape

from app.agent.events import ApprovalRequested, Content, Done, Event, ToolCallUpdate, to_json
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
from app.rendering.markdown import Patch
from app.runs.connections import Connection, Connections
from app.runs.event_log import Entry

RETRY_MS = 3000
# The events that add to a text, by how deep in its elements; _live.html has a slot for each. Most
# of what comes goes to the end of a paragraph.
_SLOTS = ("0", "message", "2", "3", "4")
# For a stream that ends before its run does: the reader is to come back, to another worker.
BACK_MS = 200

Batches = Iterable[list[Entry]]
"""Entries in order; an empty list stands for silence, long enough for a ping."""


def sse(event: str, data: str, *, id: int | None = None) -> str:
    """One Server-Sent Event. Newlines within `data` become lines of their own."""
    head = "" if event == "message" else f"event: {event}\n"
    head += "" if id is None else f"id: {id}\n"
    lines = data.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return head + "".join(f"data: {line}\n" for line in lines) + "\n"


def as_json(batches: Batches) -> Iterator[str]:
    """The API's event stream."""
    yield f"retry: {RETRY_MS}\n\n"
    seq = None
    last = None
    for entries in batches:
        if not entries:
            yield sse("ping", "{}", id=seq)
            continue
        seq, last = entries[-1].seq, entries[-1].event
        yield "".join(
            sse(entry.event.name, _dumps(to_json(entry.event)), id=entry.seq) for entry in entries
        )
    if not isinstance(last, Done):
        yield f"retry: {BACK_MS}\n\n"


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


def as_page(batches: Batches, answer: Answer, html: Html, head: str, tail: str) -> Iterator[str]:
    """A page held open: what is final is sent when it is, and nothing is ever taken back."""
    page = _HeldOpen(html)
    yield head
    for entries in batches:
        for entry in entries:
            yield "".join(page.lasting(change) for change in answer.apply(entry.event))
        if not entries:
            # Nothing to see, but it tells a reader who has gone from one who waits.
            yield "<!-- -->\n"
    yield "".join(page.lasting(change) for change in answer.close_text())
    yield page.end(answer) if not answer.live else html.moved()
    yield tail


class _HeldOpen:
    """What of an answer's changes is final, as HTML that is only ever added to."""

    def __init__(self, html: Html) -> None:
        self._html = html
        self._in_text = False
        self._sent = False
        self._rows = ""

    def lasting(self, change: Change) -> str:
        match change:
            case TextChange(part=part, patch=patch):
                return self._text(patch.finished, part.markdown.opened)
            case ToolChange(part=part) if part.call.status != "started":
                return self._beside_text(self._html.tool(part.call))
            case ApprovalsChange(approvals=approvals) if approvals:
                return self._beside_text(self._html.approvals(approvals[-1:]))
            case StatusChange(message=message) if message:
                return self._beside_text(self._html.progress(message))
            case Begun():
                # What was sent can't be taken back; a text that has begun is told from its start.
                begun, self._rows, self._sent = self._sent, "", False
                return self._beside_text(self._html.begun_anew()) if begun else ""
        return ""

    def end(self, answer: Answer) -> str:
        return self._beside_text(self._html.outcome(answer) + self._html.ended())

    def _text(self, finished: str, opened: str) -> str:
        new = finished[len(self._rows) :]
        if finished:
            self._rows = ""
        # A table's rows are final one by one; of any other block nothing is before its end.
        rows = opened.partition("</tbody>")[0] if opened.startswith("<table>") else ""
        new += rows[len(self._rows) :]
        self._rows = rows
        start = '<div class="prose">' if new and not self._in_text else ""
        self._in_text = self._in_text or bool(new)
        self._sent = self._sent or bool(new)
        return start + new

    def _beside_text(self, html: str) -> str:
        end = "</div>" if self._in_text else ""
        self._in_text = False
        return end + html


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
    yield sse("done", _dumps({"status": "failed", "messageId": ""}), id=0)


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
            events += sse("done", _dumps(done), id=seq)
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


def respond_with(
    chunks: Iterator[str],
    connections: Connections | None = None,
    connection: Connection | None = None,
    *,
    mimetype: str = "text/event-stream",
) -> Response:
    """The streamed response; `connection` is closed when it ends, however it ends."""
    body = _sent(chunks, connections, connection)
    next(body)
    response = Response(body, mimetype=mimetype, direct_passthrough=True)
    response.headers["Cache-Control"] = "no-cache, no-transform"
    response.headers["X-Accel-Buffering"] = "no"
    return response


def _sent(
    chunks: Iterator[str], connections: Connections | None, connection: Connection | None
) -> Iterator[bytes]:
    """What the server takes as it is: a layer between would be gone through for every word, and
    its part of the stack kept meanwhile."""
    try:
        yield b""  # what has not begun would not hear of its end
        yield from map(str.encode, chunks)
    finally:
        if connections is not None and connection is not None:
            connections.close(connection)


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
