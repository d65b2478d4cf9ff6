"""The pieces of an answer as HTML, by the templates that the pages include."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Flask, render_template

from app.agent.events import ApprovalRequested, ToolCallUpdate
from app.rendering.answer import AnswerView
from app.rendering.answer_parts import ThoughtsPart, ToolPart
from app.rendering.languages import SOURCE, set_language


@dataclass(frozen=True)
class AnswerHtml:
    """Renders for one reader and in their language, outside of any request.

    `csrf_token` goes into the forms. An admin also sees what the model's endpoint said when it
    failed.
    """

    app: Flask
    csrf_token: str
    is_admin: bool = False
    language: str = SOURCE

    def answer(self, answer: AnswerView) -> str:
        return self._render("runs/_answer.html", answer=answer)

    def parts(self, answer: AnswerView) -> str:
        return self._render("runs/_parts.html", answer=answer) if answer.parts else ""

    def foot(self, answer: AnswerView) -> str:
        """Render what stands below the parts: the outcome, or that it is being written."""
        slot = "runs/_below_answer_slot.html"
        return self._render(slot, answer=answer, just_ended=not answer.live).strip()

    def outcome(self, answer: AnswerView) -> str:
        return self._render("runs/_below_answer.html", answer=answer)

    def tool(self, part: ToolPart) -> str:
        return self._render("tool_output/_tool.html", part=part, call=part.call)

    def thoughts(self, part: ThoughtsPart) -> str:
        return self._render("runs/_thoughts.html", part=part)

    def state(self, part: ToolPart) -> str:
        """Render how far a call is, or what came of it."""
        return self._render("tool_output/_state.html", part=part, call=part.call)

    def call_progress(self, call: ToolCallUpdate) -> str:
        """Render how far a call is as a line of its own."""
        return self._render("tool_output/_progress.html", call=call)

    def approvals(self, approvals: Sequence[ApprovalRequested]) -> str:
        return self._render("approvals/_approvals.html", approvals=approvals) if approvals else ""

    def status(self, message: str) -> str:
        """Render what the run is busy with, for the line that says so."""
        return self._render("runs/_status.html", message=message) if message else ""

    def progress(self, message: str) -> str:
        return self._render("runs/_progress.html", message=message)

    def ended(self) -> str:
        return self._render("runs/_ended.html")

    def started_over(self) -> str:
        return self._render("runs/_started_over.html")

    def moved(self) -> str:
        return self._render("runs/_moved.html")

    def signed_out(self, run_id: str, sign_in: str) -> str:
        return self._render("runs/_signed_out.html", run_id=run_id, sign_in=sign_in)

    def _render(self, template: str, **values: Any) -> str:
        with self.app.app_context():
            set_language(self.language)
            return render_template(
                template,
                csrf_token=lambda: self.csrf_token,
                is_admin=lambda: self.is_admin,
                **values,
            )
