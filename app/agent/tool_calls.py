"""Makes the tool calls of one step side by side."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Sequence
from typing import Any, Protocol

import gevent
from gevent.queue import Queue

from app.agent.events import ApprovalRequested, Event, Thinking, ToolCallUpdate
from app.agent.messages import Decision, ToolRequest, ToolResult, ToolSpec, parse_arguments
from app.agent.tool_results import render_for_model
from app.agent.usage import estimate_tokens
from app.errors import ToolFailure

log = logging.getLogger(__name__)

LONGEST_ERROR = 1_000


class Toolbox(Protocol):
    """The tools of one person's run."""

    def specs(self) -> list[ToolSpec]:
        """Return the tools on offer."""

    def ask_first(
        self, call_id: str, name: str, arguments: dict[str, Any]
    ) -> ApprovalRequested | None:
        """What a person has to be asked before this call is made; None if nothing. Raises
        ToolFailure for a call that can't be made anyway."""

    def decision(self, call_id: str) -> Decision:
        """What the person has decided, once they have."""

    def call(
        self, call_id: str, name: str, arguments: dict[str, Any], *, again: bool = False
    ) -> ToolResult:
        """The tool's answer. Raises ToolFailure with a sentence for the model.

        `again`: this call was begun before, and nobody knows what became of it.
        """


def call_all(
    calls: Sequence[ToolRequest], tools: Toolbox, past: dict[str, ToolCallUpdate]
) -> Generator[Event, None, dict[str, ToolCallUpdate]]:
    """Make the calls of one step side by side, but for those that ended in the `past`; each one's
    end by its id, in the order asked."""
    ended = {id: call for id, call in past.items() if call.status != "started"}
    due = [call for call in calls if call.id not in ended]
    left = {call.id for call in due}
    if due:
        yield Thinking(f"Calling {', '.join(dict.fromkeys(call.name for call in due))}…")
    for call in due:
        yield ToolCallUpdate(call.id, call.name, "started", parse_arguments(call.arguments) or {})
    events: Queue[Event] = Queue()
    workers = [gevent.spawn(_call, call, tools, call.id in past, events) for call in due]
    try:
        while left:
            event = events.get()
            if isinstance(event, ToolCallUpdate) and event.status != "started":
                ended[event.id] = event
                left.remove(event.id)
            yield event
    finally:
        gevent.killall(workers)
    return {call.id: ended[call.id] for call in calls}


def _call(call: ToolRequest, tools: Toolbox, again: bool, events: Queue[Event]) -> None:
    """Make one call and tell its end; before, if a person has to be asked, that it waits."""
    started = time.monotonic()
    arguments = parse_arguments(call.arguments)
    answer, error = ToolResult(None), None
    try:
        if arguments is None:
            raise ToolFailure("The arguments are not a JSON object; send one.")
        asked = tools.ask_first(call.id, call.name, arguments)
        if asked is not None:
            events.put(asked)
            events.put(Thinking("Waiting for your approval…"))
            arguments = _approved(tools.decision(call.id))
            events.put(ToolCallUpdate(call.id, call.name, "started", arguments))
            events.put(Thinking(f"Calling {call.name}…"))
            started = time.monotonic()
        answer = tools.call(call.id, call.name, arguments, again=again)
    except ToolFailure as failure:
        error = failure.message[:LONGEST_ERROR]
    except Exception:
        # Without an end of this call its run would wait for ever.
        log.exception("the call of %s failed", call.name)
        error = "The tool failed in an unexpected way."
    events.put(
        ToolCallUpdate(
            id=call.id,
            tool=call.name,
            status="completed" if error is None else "failed",
            arguments=arguments or {},
            result=answer.result,
            error=error,
            duration_ms=round((time.monotonic() - started) * 1000),
            tokens=None if error else estimate_tokens(render_for_model(answer.result)),
            display=answer.display,
        )
    )


def _approved(decision: Decision) -> dict[str, Any]:
    """The arguments to call with. Raises ToolFailure where the person doesn't want the call."""
    if decision.status == "approved":
        return decision.arguments
    if decision.status == "expired":
        raise ToolFailure("The person didn't approve this in time, so it was not done.")
    why = f' They said: "{decision.reason}"' if decision.reason else ""
    raise ToolFailure(f"The person declined this, so it was not done.{why}")
