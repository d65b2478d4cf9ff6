"""An answer on a page that is held open and only added to: for readers without JavaScript."""

from __future__ import annotations

from collections.abc import Iterator

from app.rendering.answer import (
    AnswerView,
    ApprovalsChange,
    Change,
    StartedOver,
    StatusChange,
    TextChange,
    ToolChange,
)
from app.rendering.html import AnswerHtml
from app.rendering.sse import Batches


def as_page(
    batches: Batches, answer: AnswerView, html: AnswerHtml, head: str, tail: str
) -> Iterator[str]:
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

    def __init__(self, html: AnswerHtml) -> None:
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
            case StartedOver():
                # What was sent can't be taken back; a text that has begun is told from its start.
                begun, self._rows, self._sent = self._sent, "", False
                return self._beside_text(self._html.started_over()) if begun else ""
        return ""

    def end(self, answer: AnswerView) -> str:
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
