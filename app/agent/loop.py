"""The agent: asks the model, calls the tools it wants, and asks again until it has answered.

A plain generator of events. It knows neither Flask nor the database.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, Protocol

import gevent
from gevent.queue import Queue

from app.agent.events import (
    ApprovalNeeded,
    Content,
    Decision,
    Event,
    Past,
    Thinking,
    ToolAnswer,
    ToolCalled,
    ToolRequest,
    Turn,
    from_json,
)
from app.agent.tool_results import tokens, told
from app.errors import RunFailed, ToolFailure

log = logging.getLogger(__name__)

FAILURES_IN_A_ROW = 3
LONGEST_ERROR = 1_000


class Model(Protocol):
    def stream(
        self, messages: list[dict[str, Any]], tools: list[dict[str, Any]]
    ) -> Generator[Content, None, Turn]: ...


class Toolbox(Protocol):
    """The tools of one person's run."""

    def specs(self) -> list[dict[str, Any]]:
        """The tools on offer, as the chat completions API wants them."""

    def ask_first(
        self, call_id: str, name: str, arguments: dict[str, Any]
    ) -> ApprovalNeeded | None:
        """What a person has to be asked before this call is made; None if nothing. Raises
        ToolFailure for a call that can't be made anyway."""

    def decision(self, call_id: str) -> Decision:
        """What the person has decided, once they have."""

    def call(
        self, call_id: str, name: str, arguments: dict[str, Any], *, again: bool = False
    ) -> ToolAnswer:
        """The tool's answer. Raises ToolFailure with a sentence for the model.

        `again`: this call was begun before, and nobody knows what became of it.
        """


def respond(
    messages: Callable[[], Sequence[dict[str, Any]]],
    model: Model,
    tools: Toolbox,
    *,
    max_steps: int = 8,
    past: Sequence[Past] = (),
) -> Iterator[Event | Turn]:
    """Answer the last of `messages`, which are asked for at each step, as they are by then: they
    can be much, and are not kept while the model answers. Each finished Turn comes before any call
    it asks for is made.

    `past` are the turns of an answer that was interrupted: it goes on from there, and only the
    calls without an end are made (again). Raises ModelError when the model fails and RunFailed
    after three steps in a row in which no tool call succeeded. The last step is asked without
    tools, so that it has to answer.
    """
    so_far: list[dict[str, Any]] = []
    failures = 0
    for step in range(1, max_steps + 1):
        if step <= len(past):
            turn, ended = past[step - 1]
        else:
            yield Thinking("Thinking…" if step == 1 else "Reading the results…")
            # Neither is kept here while the answer comes.
            turn = yield from model.stream(
                [*messages(), *so_far], tools.specs() if step < max_steps else []
            )
            yield turn
            ended = {}
        if not turn.calls:
            return
        ended = yield from _call_all(turn.calls, tools, ended)
        so_far += for_model(turn.text, turn.calls, ended)
        failures = 0 if any(call.status == "completed" for call in ended.values()) else failures + 1
        if failures == FAILURES_IN_A_ROW:
            last = next(reversed(ended.values()))
            raise RunFailed(
                f"The tools failed {failures} times in a row; the last error was: {last.error}",
                code="tools_failed",
            )


def _call_all(
    calls: Sequence[ToolRequest], tools: Toolbox, past: dict[str, ToolCalled]
) -> Generator[Event, None, dict[str, ToolCalled]]:
    """Make the calls of one step side by side, but for those that ended in the `past`; each one's
    end by its id, in the order asked."""
    ended = {id: call for id, call in past.items() if call.status != "started"}
    due = [call for call in calls if call.id not in ended]
    left = {call.id for call in due}
    if due:
        yield Thinking(f"Calling {', '.join(dict.fromkeys(call.name for call in due))}…")
    for call in due:
        yield ToolCalled(call.id, call.name, "started", parsed(call.arguments) or {})
    events: Queue[Event] = Queue()
    workers = [gevent.spawn(_call, call, tools, call.id in past, events) for call in due]
    try:
        while left:
            event = events.get()
            if isinstance(event, ToolCalled) and event.status != "started":
                ended[event.id] = event
                left.remove(event.id)
            yield event
    finally:
        gevent.killall(workers)
    return {call.id: ended[call.id] for call in calls}


def _call(call: ToolRequest, tools: Toolbox, again: bool, events: Queue[Event]) -> None:
    """Make one call and tell its end; before, if a person has to be asked, that it waits."""
    started = time.monotonic()
    arguments = parsed(call.arguments)
    answer, error = ToolAnswer(None), None
    try:
        if arguments is None:
            raise ToolFailure("The arguments are not a JSON object; send one.")
        asked = tools.ask_first(call.id, call.name, arguments)
        if asked is not None:
            events.put(asked)
            events.put(Thinking("Waiting for your approval…"))
            arguments = _approved(tools.decision(call.id))
            events.put(ToolCalled(call.id, call.name, "started", arguments))
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
        ToolCalled(
            id=call.id,
            tool=call.name,
            status="completed" if error is None else "failed",
            arguments=arguments or {},
            result=answer.result,
            error=error,
            duration_ms=round((time.monotonic() - started) * 1000),
            tokens=None if error else tokens(told(answer.result)),
            shown=answer.shown,
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


def parsed(arguments: str) -> dict[str, Any] | None:
    """A call's arguments as the model wrote them; None if they are no JSON object."""
    try:
        value = from_json(arguments)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def for_model(
    text: str, calls: Sequence[ToolRequest], ended: dict[str, ToolCalled]
) -> list[dict[str, Any]]:
    """A turn and its calls as chat messages. A call without an end gets one here: an answer
    without a result for every call would be refused by the endpoint for ever after."""
    turn: dict[str, Any] = {"role": "assistant", "content": text or None}
    if calls:
        turn["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {
                    "name": call.name,
                    "arguments": json.dumps(parsed(call.arguments) or {}),
                },
            }
            for call in calls
        ]
    results = [
        {
            "role": "tool",
            "tool_call_id": call.id,
            "content": _told(ended.get(call.id), _changed(call, ended.get(call.id))),
        }
        for call in calls
    ]
    return [turn, *results]


def _changed(call: ToolRequest, end: ToolCalled | None) -> list[str]:
    """What the model has to know when the call that was made is not the one it asked for."""
    if end is None or end.arguments == (parsed(call.arguments) or {}):
        return []
    made = json.dumps(end.arguments, ensure_ascii=False)
    return [f"The person changed the arguments to {made}."]


def _told(end: ToolCalled | None, notes: list[str]) -> str:
    """A call's end as the model reads it."""
    if end is None or end.status == "started":
        return told({"error": "The call was stopped before it had a result."})
    if end.status == "failed":
        return told({"error": end.error}, notes)
    return told(end.result, notes)
