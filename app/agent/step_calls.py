"""Makes the tool calls of one step, several at a time.

It knows neither which tools there are nor how a person is asked: that is the Toolbox's business.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Iterator, Sequence
from typing import Any, Protocol

import gevent
from gevent.lock import BoundedSemaphore
from gevent.queue import Queue

from app.agent.events import ApprovalRequested, Event, Thinking, ToolCallUpdate
from app.agent.messages import Decision, ToolRequest, ToolResult, ToolSpec, parse_arguments
from app.agent.tool_results import render_for_model
from app.agent.usage import estimate_tokens
from app.errors import ToolFailure

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


class Toolbox(Protocol):
    """The tools of one person's run."""

    def specs(self) -> list[ToolSpec]:
        """Return the tools on offer."""

    def request_approval(
        self, call_id: str, name: str, arguments: dict[str, Any]
    ) -> ApprovalRequested | Decision | None:
        """Ask the person about this call, unless they were asked before. Returns their decision
        once there is one, and None if the call needs no approval. Raises ToolFailure for a call
        that can't be made anyway."""

    def wait_for_decision(self, call_id: str) -> Decision:
        """Block until the person has decided. May be killed at any moment."""

    def call(
        self, call_id: str, name: str, arguments: dict[str, Any], *, again: bool = False
    ) -> ToolResult:
        """Call the tool. Raises ToolFailure with a sentence for the model.

        `again`: this call was begun before, and nobody knows what became of it.
        """


def call_all(
    calls: Sequence[ToolRequest], tools: Toolbox, past: dict[str, ToolCallUpdate]
) -> Generator[Event, None, dict[str, ToolCallUpdate]]:
    """Make the calls of one step, and return each call's end by its id, in the order of `calls`.

    `past` has what earlier attempts know of the calls, by id; those that ended there are not made
    again. Raises ApprovalPending once every call has ended or waits for a person.
    """
    ended = {id: call for id, call in past.items() if call.status != "started"}
    due = [call for call in calls[:MAX_CALLS] if call.id not in ended]
    if due:
        yield Thinking(f"Calling {', '.join(dict.fromkeys(call.name for call in due))}…")
    for call in calls[MAX_CALLS:]:
        if call.id not in ended:
            gevent.sleep(0)  # there may be hundreds, and the end of each is stored
            ended[call.id] = _refusal(call)
            yield ended[call.id]
    for call in due:
        yield ToolCallUpdate(call.id, call.name, "started", _arguments(call))
    yield from _make(due, tools, past, ended)
    return {call.id: ended[call.id] for call in calls}


def _make(
    due: Sequence[ToolRequest],
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
    call: ToolRequest,
    tools: Toolbox,
    again: bool,
    places: BoundedSemaphore,
    events: Queue[Event],
) -> None:
    """Make one call and put its end into `events`, after a request for approval if it needs one."""
    started = time.monotonic()
    arguments = parse_arguments(call.arguments)
    answer, error = ToolResult(None), None
    try:
        if arguments is None:
            raise ToolFailure("The arguments are not a JSON object; send one.")
        with places:
            approval = tools.request_approval(call.id, call.name, arguments)
        if isinstance(approval, ApprovalRequested):
            again = False  # without a decision it can't have been made before
            events.put(approval)
            events.put(Thinking(WAITING))
            approval = tools.wait_for_decision(call.id)
        if approval is not None:
            arguments = _approved_arguments(approval)
            events.put(ToolCallUpdate(call.id, call.name, "started", arguments))
            events.put(Thinking(f"Calling {call.name}…"))
        with places:
            started = time.monotonic()
            answer = tools.call(call.id, call.name, arguments, again=again)
    except ToolFailure as failure:
        error = failure.message[:MAX_ERROR_CHARS]
    except Exception:
        # A call without an end would keep its run waiting.
        log.exception("the call of %s failed", call.name)
        error = "The tool failed in an unexpected way."
    events.put(_end(call, arguments or {}, answer, error, time.monotonic() - started))


def _approved_arguments(decision: Decision) -> dict[str, Any]:
    """The arguments to call with. Raises ToolFailure if the person doesn't want the call."""
    if decision.status == "approved":
        return decision.arguments
    if decision.status == "expired":
        raise ToolFailure("The person didn't approve this in time, so it was not done.")
    why = f' They said: "{decision.reason}"' if decision.reason else ""
    raise ToolFailure(f"The person declined this, so it was not done.{why}")


def _end(
    call: ToolRequest,
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


def _refusal(call: ToolRequest) -> ToolCallUpdate:
    return ToolCallUpdate(call.id, call.name, "failed", _arguments(call), error=_TOO_MANY)


def _arguments(call: ToolRequest) -> dict[str, Any]:
    return parse_arguments(call.arguments) or {}
