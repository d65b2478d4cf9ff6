"""An answer on a page that is held open and only added to: for readers without JavaScript."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from app.agent.events import ToolCallUpdate
from app.errors import SessionEnded
from app.rendering.answer import AnswerView
from app.rendering.answer_parts import (
    ApprovalsChange,
    Change,
    ProgressChange,
    StartedOver,
    StatusChange,
    TextChange,
    ThoughtsChange,
    ToolChange,
)
from app.rendering.html import AnswerHtml
from app.rendering.sse import Batches

_MOST_LINES = 10


def as_page(
    batches: Batches, answer: AnswerView, html: AnswerHtml, head: str, tail: str, sign_in: str = ""
) -> Iterator[str]:
    """Yield the page: its head, what becomes final of the answer, its tail.

    If the reader's session ends, the page ends with a link to `sign_in`.
    """
    yield head
    try:
        yield from _body(batches, answer, html)
    except SessionEnded:
        yield html.signed_out(answer.run_id, sign_in)
    yield tail


def _body(batches: Batches, answer: AnswerView, html: AnswerHtml) -> Iterator[str]:
    page = _HeldOpen(html)
    for entries in batches:
        for entry in entries:
            yield "".join(page.add(change) for change in answer.apply(entry.event))
        if not entries:
            # Nothing to see, but it fails if the reader has gone.
            yield "<!-- -->\n"
    yield "".join(page.add(change) for change in answer.close_text())
    yield page.end(answer) if not answer.live else html.moved()


class _HeldOpen:
    """What is final of an answer's changes, as HTML that is only ever added to.

    When a run goes on, at another worker or after an approval, its answer is sent from its start
    once more. The page skips what it has, and says so only where the new beginning differs.
    """

    def __init__(self, html: AnswerHtml) -> None:
        self._html = html
        self._in_text = False
        self._rows = ""  # those of the open table that were sent
        self._pieces: list[tuple[str, bool]] = []  # of the answer: HTML, and whether it is text
        self._shown = ""  # what the page had of the answer when it started over
        self._skipped = 0  # how much of that has come again
        self._progress = ""
        self._approvals: set[str] = set()
        self._lines: Counter[str] = Counter()  # of the progress of each call

    def add(self, change: Change) -> str:
        """Return what to add to the page for a change of its answer."""
        match change:
            case TextChange(part=part, patch=patch):
                return self._answer(self._text(patch.finished, part.markdown.opened), text=True)
            case ToolChange(part=part) if part.call.status != "started":
                return self._answer(self._html.tool(part), text=False)
            case ThoughtsChange(part=part):
                return self._answer(self._html.thoughts(part), text=False)
            case ProgressChange(part=part):
                return self._note_call_progress(part.call)
            case ApprovalsChange(approvals=approvals):
                new = [one for one in approvals if one.id not in self._approvals]
                self._approvals.update(one.id for one in new)
                return self._beside_text(self._html.approvals(new)) if new else ""
            case StatusChange(message=message) if message not in ("", self._progress):
                return "" if self._is_skipping else self._note_progress(message)
            case StartedOver():
                self._start_over()
        return ""

    def end(self, answer: AnswerView) -> str:
        return self._beside_text(self._html.outcome(answer) + self._html.ended())

    @property
    def _is_skipping(self) -> bool:
        return self._skipped < len(self._shown)

    def _start_over(self) -> None:
        if not self._is_skipping:
            self._shown = "".join(html for html, _ in self._pieces)
        self._pieces, self._skipped, self._rows = [], 0, ""

    def _note_progress(self, message: str) -> str:
        self._progress = message
        return self._beside_text(self._html.progress(message))

    def _note_call_progress(self, call: ToolCallUpdate) -> str:
        """Return a line for how far a call is; of one call there are a few lines at most."""
        self._lines[call.id] += 1
        if self._is_skipping or self._lines[call.id] > _MOST_LINES:
            return ""
        return self._beside_text(self._html.call_progress(call))

    def _text(self, finished: str, opened: str) -> str:
        """Return what is final now of the text.

        A table's rows are final one by one; of any other block nothing is before its end.
        """
        new = finished[len(self._rows) :]
        if finished:
            self._rows = ""
        rows = opened.partition("</tbody>")[0] if opened.startswith("<table>") else ""
        new += rows[len(self._rows) :]
        self._rows = rows
        return new

    def _answer(self, html: str, *, text: bool) -> str:
        """Add a piece of the answer, except what the page has."""
        if not html:
            return ""
        self._pieces.append((html, text))
        if not self._is_skipping:
            return self._put(html, text=text)
        left = self._shown[self._skipped :]
        if left.startswith(html) or html.startswith(left):
            self._skipped += len(html)
            return self._put(html[len(left) :], text=text)
        self._shown, self._skipped = "", 0
        notice = self._beside_text(self._html.started_over())
        return notice + "".join(self._put(html, text=text) for html, text in self._pieces)

    def _put(self, html: str, *, text: bool) -> str:
        if not html:
            return ""
        if not text:
            return self._beside_text(html)
        start = "" if self._in_text else '<div class="prose">'
        self._in_text = True
        return start + html

    def _beside_text(self, html: str) -> str:
        end = "</div>" if self._in_text else ""
        self._in_text = False
        return end + html
