"""Makes the tool calls of one step, several at a time."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import gevent
from gevent.lock import BoundedSemaphore
from gevent.queue import Queue

from app.agent.call_progress import ProgressEvents
from app.agent.events import ApprovalRequested, DisplayPart, Event, Thinking, ToolCallUpdate
from app.agent.messages import Decision, ToolRequest, ToolResult, parse_arguments
from app.agent.read_calls import UNFORESEEN, ReadCall, call_key, read_calls
from app.agent.tool_results import render_for_model
from app.agent.toolbox import Toolbox
from app.agent.usage import estimate_tokens
from app.errors import CallRefused, ToolFailure

log = logging.getLogger(__name__)

MAX_CALLS = 16
"""Tool calls that are made in one step."""
AT_ONCE = 6
"""Tool calls of one step that are under way at the same time."""
MAX_ERROR_CHARS = 1_000
WAITING = "Waiting for your approval…"

_TOO_MANY = (
    f"At most {MAX_CALLS} tool calls are made in one turn, so this one was not made."
    " Read the results of the others first, then call again if you still need it."
)


class ApprovalPending(Exception):
    """The calls of a step that have not ended all wait for a person. The agent goes on when it is
    started again after a decision."""


def call_all(
    calls: Sequence[ToolRequest],
    tools: Toolbox,
    past: dict[str, ToolCallUpdate],
    earlier: Mapping[str, ToolCallUpdate],
) -> Generator[Event, None, dict[str, ToolCallUpdate]]:
    """Make the calls of one step, and return each call's end by its id, in the order of `calls`.

    `past` has what earlier attempts know of the calls, by id; those that ended there are not made
    again. Nor are those whose end is in `earlier`, by `call_key`; and of several calls that are the
    same, one is made. Raises ApprovalPending once every call has ended or waits for a person.
    """
    ended = {id: call for id, call in past.items() if call.status != "started"}
    due = [call for call in calls[:MAX_CALLS] if call.id not in ended]
    if due:
        yield Thinking(f"Calling {', '.join(dict.fromkeys(call.name for call in due))}…")
    for call in calls[MAX_CALLS:]:
        if call.id not in ended:
            gevent.sleep(0)  # there may be hundreds, and the end of each is stored
            ended[call.id] = _one_too_many(call)
            yield ended[call.id]
    read = read_calls(due, tools)
    for one in read:
        yield _started(one, one.arguments, one.repairs)
    known = {**earlier, **_by_key(ended.values()), **_as_asked(calls, ended, due, tools)}
    yield from _make_each_once(read, tools, past, ended, known)
    return {call.id: ended[call.id] for call in calls}


def _make_each_once(
    due: Sequence[ReadCall],
    tools: Toolbox,
    past: dict[str, ToolCallUpdate],
    ended: dict[str, ToolCallUpdate],
    known: dict[str, ToolCallUpdate],
) -> Iterator[Event]:
    """Make the calls that are `due`, but none that is the same as another or whose end is `known`,
    by `call_key`. Add their ends to `ended`. Raises ApprovalPending."""
    firsts: dict[str, ReadCall] = {}
    for call in due:
        if call.refusal is not None:
            ended[call.id] = _refused(call, call.refusal, again=call.id in past)
            yield ended[call.id]
        elif call.key not in known:
            firsts.setdefault(call.key, call)
    yield from _make(list(firsts.values()), tools, past, ended)
    known |= {key: ended[first.id] for key, first in firsts.items()}
    for call in due:
        if call.id not in ended:
            ended[call.id] = _repeat(call, known[call.key])
            yield ended[call.id]


def _by_key(ends: Iterable[ToolCallUpdate]) -> dict[str, ToolCallUpdate]:
    return {call_key(end.tool, end.arguments): end for end in ends if not end.refused}


def _as_asked(
    calls: Sequence[ToolRequest],
    ended: dict[str, ToolCallUpdate],
    due: Sequence[ToolRequest],
    tools: Toolbox,
) -> dict[str, ToolCallUpdate]:
    """The ends of earlier attempts by the arguments that the model asked for, which the person may
    have changed. Only those of a tool that is still `due` are wanted."""
    names = {call.name for call in due}
    wanted = [call for call in calls[:MAX_CALLS] if call.id in ended and call.name in names]
    return {
        one.key: ended[one.id] for one in read_calls(wanted, tools) if not ended[one.id].refused
    }


def _make(
    due: Sequence[ReadCall],
    tools: Toolbox,
    past: dict[str, ToolCallUpdate],
    ended: dict[str, ToolCallUpdate],
) -> Iterator[Event]:
    """Make the calls that are `due` and add their ends to `ended`. Raises ApprovalPending."""
    events: Queue[Event] = Queue()
    places = BoundedSemaphore(AT_ONCE)
    callers = [gevent.spawn(_call, call, tools, call.id in past, places, events) for call in due]
    running, waiting = {call.id for call in due}, set[str]()
    try:
        while running or not events.empty():
            event = events.get()
            if isinstance(event, ApprovalRequested):
                running.discard(event.id)
                waiting.add(event.id)
            elif isinstance(event, ToolCallUpdate):
                waiting.discard(event.id)
                if event.status == "started":
                    running.add(event.id)
                else:
                    running.discard(event.id)
                    ended[event.id] = event
            yield event
    finally:
        gevent.killall(callers)
    if waiting:
        raise ApprovalPending


def _call(
    call: ReadCall,
    tools: Toolbox,
    again: bool,
    places: BoundedSemaphore,
    events: Queue[Event],
) -> None:
    """Make one call and put its end into `events`, after a request for approval if it needs one."""
    started = time.monotonic()
    arguments, repairs = call.arguments, call.repairs
    answer, error = ToolResult(None), None
    lines: list[DisplayPart] = []
    try:
        with places:
            approval = tools.request_approval(call.id, call.name, arguments)
        if isinstance(approval, ApprovalRequested):
            again = False  # without a decision it can't have been made before
            events.put(approval)
            events.put(Thinking(WAITING))
            approval = tools.wait_for_decision(call.id)
        if approval is not None:
            approved = _approved_arguments(approval)
            # What the person changed is theirs; the model is told all of it.
            repairs = repairs if approved == arguments else ()
            arguments = approved
            events.put(_started(call, arguments, repairs))
            events.put(Thinking(f"Calling {call.name}…"))
        begun = _started(call, arguments, repairs)
        with places, ProgressEvents(begun, events.put, lines) as progress:
            started = time.monotonic()
            answer = tools.call(call.id, call.name, arguments, again=again, report=progress.report)
    except ToolFailure as failure:
        error = failure.message[:MAX_ERROR_CHARS]
    except Exception:
        # A call without an end would keep its run waiting.
        log.exception("the call of %s failed", call.name)
        error = UNFORESEEN
    end = _end(call, arguments, answer, error, time.monotonic() - started)
    events.put(replace(end, repairs=repairs, display=(*end.display, *lines)))


def _started(call: ReadCall, arguments: dict[str, Any], repairs: tuple[str, ...]) -> ToolCallUpdate:
    return ToolCallUpdate(call.id, call.name, "started", arguments, repairs=repairs)


def _approved_arguments(decision: Decision) -> dict[str, Any]:
    """The arguments to call with. Raises ToolFailure if the person doesn't want the call."""
    if decision.status == "approved":
        return decision.arguments
    if decision.status == "expired":
        raise ToolFailure("The person didn't approve this in time, so it was not done.")
    why = f' They said: "{decision.reason}"' if decision.reason else ""
    raise ToolFailure(f"The person declined this, so it was not done.{why}")


def _end(
    call: ReadCall,
    arguments: dict[str, Any],
    answer: ToolResult,
    error: str | None,
    seconds: float,
) -> ToolCallUpdate:
    return ToolCallUpdate(
        id=call.id,
        tool=call.name,
        status="completed" if error is None else "failed",
        arguments=arguments,
        result=answer.result,
        error=error,
        duration_ms=round(seconds * 1000),
        tokens=None if error else estimate_tokens(render_for_model(answer.result)),
        display=answer.display,
    )


def _one_too_many(call: ToolRequest) -> ToolCallUpdate:
    arguments = parse_arguments(call.arguments) or {}
    return ToolCallUpdate(call.id, call.name, "failed", arguments, error=_TOO_MANY, refused=True)


def _refused(call: ReadCall, refusal: ToolFailure, *, again: bool) -> ToolCallUpdate:
    """The end of a call that can't be made. One that was begun before may have been made then."""
    return ToolCallUpdate(
        call.id,
        call.name,
        "failed",
        call.arguments,
        error=refusal.message[:MAX_ERROR_CHARS],
        refused=isinstance(refusal, CallRefused) and not again,
    )


def _repeat(call: ReadCall, first: ToolCallUpdate) -> ToolCallUpdate:
    """The end of a call that was made once already; what it showed is on the page."""
    return replace(
        first, id=call.id, repairs=call.repairs, repeated=True, duration_ms=None, display=()
    )
