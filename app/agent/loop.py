"""The agent: asks the model, makes the tool calls it asks for, and asks again until it answers.

A plain generator of events. It knows neither Flask nor the database.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from app.agent.events import Content, Event, Thinking, ToolCallUpdate
from app.agent.messages import Message, PastTurn, ToolSpec, Turn, turn_messages
from app.agent.read_calls import call_key
from app.agent.step_calls import call_all
from app.agent.toolbox import Toolbox
from app.agent.written_calls import announced_tool, take_written_call
from app.errors import RunFailed

MOST_FAILED_STEPS = 3


class Model(Protocol):
    """Something that answers messages."""

    def stream(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], *, may_call: bool = True
    ) -> Generator[Content | Thinking, None, Turn]:
        """Yield what it thought and the text as it comes, and return the finished turn. Raises
        ModelError.

        Unless it `may_call`, the model is asked not to call the tools, which some endpoints ignore.
        """


def respond(
    messages: Callable[[], Sequence[Message]],
    model: Model,
    tools: Toolbox,
    *,
    max_steps: int = 8,
    past: Sequence[PastTurn] = (),
) -> Iterator[Event | Turn]:
    """Answer the last of `messages`. Each finished Turn comes before the calls it asks for.

    `messages` is called at every step, so that a long conversation is not kept in memory while the
    model answers. `past` are the turns of an interrupted attempt: the answer goes on from there,
    and only those of its calls are made (again) that have no result. In the last step no tool may
    be called, so that the model has to answer.

    Raises ModelError when the model fails, RunFailed after three steps in a row in which every
    tool call failed, and ApprovalPending when only a person can bring a step forward.
    """
    added: list[Message] = []
    earlier: dict[str, ToolCallUpdate] = {}
    failed_steps = 0
    for step in range(1, max_steps + 1):
        if step <= len(past):
            turn, updates = past[step - 1]
        else:
            yield Thinking("Thinking…" if step == 1 else "Reading the results…")
            # The messages have no name here: they would be kept until the model has answered.
            if step < max_steps:
                offered = tools.specs()
                names = {spec.name for spec in offered}
                harmless = {name for name in names if tools.reads_only(name)}
                reply = model.stream([*messages(), *added], offered)
                turn = yield from take_written_call(reply, names, harmless)
            else:
                turn = yield from _last_turn([*messages(), *added], model, tools)
            yield turn
            updates = {}
        if not turn.calls:
            if added or step == max_steps or not (reminder := _reminder(turn, tools)):
                return
            added += [Message("assistant", turn.text), reminder]
            continue
        updates = yield from call_all(turn.calls, tools, updates, earlier)
        earlier = _still_true(earlier, updates.values(), tools)
        added += turn_messages(turn, updates)
        failed_steps = 0 if _any_completed(updates) else failed_steps + 1
        if failed_steps == MOST_FAILED_STEPS:
            raise _tools_failed(updates)


def _last_turn(
    messages: Sequence[Message], model: Model, tools: Toolbox
) -> Generator[Content | Thinking, None, Turn]:
    """Ask for an answer without calls.

    The tools are offered all the same: without them the request would begin with other bytes, and
    the endpoint would have to read all of it again.
    """
    offered = tools.specs()
    reply = model.stream(messages, offered, may_call=False)
    turn = yield from take_written_call(reply, {spec.name for spec in offered})
    if turn.calls and not turn.text.strip():
        # The endpoint doesn't know tool_choice, as Ollama didn't, or the model writes its calls.
        turn = yield from model.stream(messages, ())
    return replace(turn, calls=())


def _still_true(
    earlier: dict[str, ToolCallUpdate], ends: Iterable[ToolCallUpdate], tools: Toolbox
) -> dict[str, ToolCallUpdate]:
    """The results so far by `call_key`; none once a call may have changed what they say."""
    made = [end for end in ends if not (end.refused or end.repeated)]
    if not all(tools.reads_only(end.tool) for end in made):
        return {}
    completed = (end for end in made if end.status == "completed")
    return earlier | {call_key(end.tool, end.arguments): end for end in completed}


def _reminder(turn: Turn, tools: Toolbox) -> Message | None:
    """What is said once to a model that tells of a call instead of making it, as small ones do."""
    name = announced_tool(turn.text, [spec.name for spec in tools.specs()])
    if name is None:
        return None
    reminder = f"(From the program: {name} was not called. If it is needed, call it now.)"
    return Message("user", reminder)


def _any_completed(updates: dict[str, ToolCallUpdate]) -> bool:
    return any(update.status == "completed" for update in updates.values())


def _tools_failed(updates: dict[str, ToolCallUpdate]) -> RunFailed:
    last = next(reversed(updates.values()))
    return RunFailed(
        f"The tools failed {MOST_FAILED_STEPS} times in a row; the last error was: {last.error}",
        code="tools_failed",
    )
