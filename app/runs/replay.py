"""A stored run as events again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Row

from app.agent.events import (
    Content,
    Done,
    Event,
    Failed,
    RunStarted,
    ToolCallUpdate,
    display_parts_from_json,
)
from app.agent.messages import PastTurn, ToolRequest, Turn, parse_arguments
from app.agent.tool_results import render_for_model
from app.agent.usage import Usage, estimate_tokens
from app.db.models import Run, ToolCall
from app.tools.approvals import approval_event, waiting_approvals

_BETWEEN = "\n\n"  # the texts of an answer's steps


def stored_events(run: Run) -> list[Event]:
    """What the database knows of a run, as events. The first text replaces all that a reader may
    have of the answer already, so that no word is there twice."""
    events: list[Event] = [RunStarted(run.id, run.conversation_id), Content("", replace=True)]
    written = False
    for step in run.steps:
        if step.text:
            events.append(Content(f"\n\n{step.text}" if written else step.text))
            written = True
        events += [ended(call) for call in step.calls]
    if run.live:
        events += map(approval_event, waiting_approvals(run.id))
    if run.error_code:
        events.append(Failed(run.error_code, run.error_message or "", run.retryable))
    if not run.live:
        usage = Usage.from_json(run.usage) if run.usage else None
        events.append(Done(run.status, run.answer_id, usage))  # type: ignore[arg-type]
    return events


def retold(past: Iterable[PastTurn]) -> list[Event]:
    """Finished steps as events, of which the first text replaces all that a reader may have."""
    events: list[Event] = [Content("", replace=True)]
    written = False
    for turn, calls in past:
        if turn.text:
            events.append(Content(f"{_BETWEEN}{turn.text}" if written else turn.text))
            written = True
        events += calls.values()
    return events


def past_turn(text: str, stored: Sequence[Any], *, display: bool = True) -> PastTurn:
    calls = tuple(ToolRequest(call.id, call.name, call.arguments) for call in stored)
    return Turn(text, calls), {call.id: ended(call, display=display) for call in stored}


def past_of(run: Run, *, unfinished: bool) -> list[PastTurn]:
    """The steps of a run that another worker began: the finished ones, or the last one too."""
    return [past_turn(step.text, step.calls) for step in run.steps if step.finished or unfinished]


def ended(call: ToolCall | Row[Any], *, display: bool = True) -> ToolCallUpdate:
    """A stored call as the event that last told of it, with what it showed if that is wanted."""
    return ToolCallUpdate(
        id=call.id,
        tool=call.name,
        status=call.status,  # type: ignore[arg-type]
        arguments=(parse_arguments(call.arguments) or {}) if call.changed is None else call.changed,
        result=call.result,
        error=call.error,
        duration_ms=call.duration_ms,
        tokens=estimate_tokens(render_for_model(call.result))
        if call.status == "completed"
        else None,
        display=display_parts_from_json(call.display) if display else (),
    )
