"""A stored run as events again, and as the turns that the agent goes on after."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Row

from app.agent.argument_readings import describe_readings
from app.agent.events import (
    Content,
    Done,
    Event,
    Failed,
    RunStarted,
    Thinking,
    ToolCallUpdate,
    display_parts_from_json,
)
from app.agent.messages import PastTurn, ToolRequest, Turn, parse_arguments
from app.agent.step_calls import WAITING
from app.agent.tool_results import render_for_model
from app.agent.usage import Usage, estimate_tokens
from app.db.models import REFUSED, Run, Step, ToolCall
from app.grounding.figure import figures_from_json
from app.tools.approvals import approval_event, waiting_approvals

BETWEEN_STEPS = "\n\n"
"""Separates the texts of an answer's steps."""


def stored_events(run: Run) -> list[Event]:
    """A stored run as events. The first text replaces all that a reader has of the answer."""
    events: list[Event] = [RunStarted(run.id, run.conversation_id)]
    events += past_events(past_turns(run, unfinished=True))
    if run.live:
        events += map(approval_event, waiting_approvals(run.id))
    if run.status == "waiting":
        events.append(Thinking(WAITING))
    if run.error_code:
        message, detail = run.error_message or "", run.error_detail or ""
        events.append(Failed(run.error_code, message, run.retryable, detail))
    if not run.live:
        usage = Usage.from_json(run.usage) if run.usage else None
        figures = figures_from_json(run.figures)
        made = (models_of(run), seconds_of(run))
        events.append(Done(run.status, run.answer_id, usage, figures, *made))  # type: ignore[arg-type]
    return events


def models_of(run: Run) -> tuple[str, ...]:
    """Return the models that wrote a stored run's turns, each once."""
    return tuple(dict.fromkeys(step.model for step in run.steps if step.model))


def seconds_of(run: Run) -> float | None:
    """Return how long a stored run took; None if it has not ended."""
    return (run.finished_at - run.created_at).total_seconds() if run.finished_at else None


def past_events(past: Iterable[PastTurn]) -> list[Event]:
    """The turns of earlier attempts as events. The first text replaces all that a reader has, so
    that no word is there twice."""
    events: list[Event] = [Content("", replace=True)]
    written = False
    for turn, calls in past:
        if turn.thinking:
            events.append(turn.thinking)
        if turn.text:
            events.append(Content(f"{BETWEEN_STEPS}{turn.text}" if written else turn.text))
            written = True
        events += calls.values()
    return events


def past_turns(run: Run, *, unfinished: bool, started: bool = True) -> list[PastTurn]:
    """The turns of a run's earlier attempts. `unfinished`: the turn that was being written, too.
    Without `started`, a call that has no end counts as never made."""
    steps = [step for step in run.steps if step.finished or unfinished]
    turns = [_stored_turn(step) for step in steps]
    if started:
        return turns
    return [
        (turn, {id: end for id, end in calls.items() if end.status != "started"})
        for turn, calls in turns
    ]


def _stored_turn(step: Step) -> PastTurn:
    turn, calls = past_turn(step.text, step.calls)
    thinking = None
    if step.thoughts:
        thinking = Thinking("Thinking…", thoughts=step.thoughts, seconds=step.thought_seconds)
    return replace(turn, model=step.model or "", thinking=thinking), calls


def past_turn(text: str, stored: Sequence[Any], *, display: bool = True) -> PastTurn:
    """A turn from its stored text and calls (ToolCall, or rows like it)."""
    calls = tuple(ToolRequest(call.id, call.name, call.arguments) for call in stored)
    updates = {call.id: last_update(call, display=display) for call in stored}
    return Turn(text, calls), updates


def last_update(call: ToolCall | Row[Any], *, display: bool = True) -> ToolCallUpdate:
    """The last event of a stored call; with its display parts if `display`."""
    written = parse_arguments(call.arguments) or {}
    arguments = written if call.changed is None else call.changed
    refused = call.status == REFUSED
    return ToolCallUpdate(
        id=call.id,
        tool=call.name,
        status="failed" if refused else call.status,  # type: ignore[arg-type]
        arguments=arguments,
        repairs=() if call.edited else describe_readings(written, arguments),
        repeated=call.status == "completed" and call.duration_ms is None,
        refused=refused,
        result=call.result,
        error=call.error,
        duration_ms=call.duration_ms,
        tokens=estimate_tokens(render_for_model(call.result))
        if call.status == "completed"
        else None,
        display=display_parts_from_json(call.display) if display else (),
    )
