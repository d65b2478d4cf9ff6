"""The agent: asks the model, calls the tools it wants, and asks again until it has answered.

A plain generator of events. It knows neither Flask nor the database.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, Protocol

from app.agent.events import Content, Event, Thinking
from app.agent.messages import (
    PastTurn,
    Turn,
    turn_messages,
)
from app.agent.tool_calls import Toolbox, call_all
from app.errors import RunFailed

log = logging.getLogger(__name__)

FAILURES_IN_A_ROW = 3


class Model(Protocol):
    def stream(
        self, messages: list[dict[str, Any]], tools: list[dict[str, Any]]
    ) -> Generator[Content, None, Turn]: ...


def respond(
    messages: Callable[[], Sequence[dict[str, Any]]],
    model: Model,
    tools: Toolbox,
    *,
    max_steps: int = 8,
    past: Sequence[PastTurn] = (),
) -> Iterator[Event | Turn]:
    """Answer the last of `messages`, which are asked for at each step, as they are by then: they
    can be much, and are not kept while the model answers. Each finished Turn comes before any call
    it asks for is made.

    `past` are the turns of an answer that was interrupted: it goes on from there, and only the
    calls without an end are made (again). Raises ModelError when the model fails, RunFailed
    after three steps in a row in which no tool call succeeded, and ApprovalPending when only a
    person can bring a step forward. The last step is asked without tools, so that it has to answer.
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
        ended = yield from call_all(turn.calls, tools, ended)
        so_far += turn_messages(turn.text, turn.calls, ended)
        failures = 0 if any(call.status == "completed" for call in ended.values()) else failures + 1
        if failures == FAILURES_IN_A_ROW:
            last = next(reversed(ended.values()))
            raise RunFailed(
                f"The tools failed {failures} times in a row; the last error was: {last.error}",
                code="tools_failed",
            )
