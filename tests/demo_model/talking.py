"""A conversation with the demo model, about what some tools answer."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from demo_model.phrasebook import Library
from demo_model.planning import next_turn
from demo_model.protocol import Function, Message, ToolCall, Turn
from tool_services.framework.app_factory import offered_tools
from tool_services.framework.service import Service, settings_type
from tool_services.framework.tools import Tool

ANN = "ann@example.com"
TOLD = f"You speak with Ann (e-mail address: {ANN}). Send only when asked."

Call = tuple[str, dict[str, Any]]
Answer = Callable[[dict[str, Any]], Any]


def call(name: str, **arguments: Any) -> Call:
    return (name, arguments)


@dataclass(frozen=True)
class Case:
    """A question, after others, and what it should lead to: calls, and words in the answer."""

    question: str
    calls: Sequence[Call]
    words: str = ""
    after: Sequence[str] = ()


@dataclass(frozen=True)
class Domain:
    """What a demo model knows: the phrases of some services, the tools on offer, their answers."""

    library: Library
    functions: tuple[Function, ...]
    answers: Mapping[str, Answer] = field(default_factory=dict)


def tools_of(service: Service) -> list[Tool]:
    """The tools that a service offers when nothing is set."""
    return offered_tools(service, settings_type([service])(_env_file=None))


def function_of(tool: Tool) -> Function:
    """The tool as the app offers it to a model."""
    schema = tool.definition["inputSchema"]
    return Function(name=tool.name, description=tool.description, parameters=schema)


@dataclass
class Talk:
    """One conversation; `tools` are on offer, `answers` replaces what single tools say."""

    domain: Domain
    tools: tuple[str, ...] | None = None
    answers: dict[str, Any] = field(default_factory=dict)
    messages: list[dict[str, Any]] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)

    def ask(self, question: str) -> str:
        """The answer to the question, once all tools were called; `calls` are those it made."""
        self.messages.append({"role": "user", "content": question})
        self.calls = []
        for _ in range(8):
            turn = self.turn()
            if not turn.calls:
                self.messages.append({"role": "assistant", "content": turn.text})
                return turn.text
            self._answer(turn.text, turn.calls)
        raise AssertionError(f"no end to the calls: {self.calls}")

    def turn(self) -> Turn:
        """The model's next turn."""
        offered = [f for f in self.domain.functions if self.tools is None or f.name in self.tools]
        messages = [Message(**message) for message in self.messages]
        return next_turn(messages, offered, self.domain.library)

    def after(self, *questions: str) -> list[Call]:
        """The calls that the last of these questions leads to."""
        for question in questions:
            self.ask(question)
        return self.calls

    def _answer(self, text: str, calls: tuple[ToolCall, ...]) -> None:
        made: list[dict[str, Any]] = []
        for each in calls:
            function = {"name": each.name, "arguments": json.dumps(each.arguments)}
            made.append({"id": f"call_{len(self.messages)}_{len(made)}", "function": function})
            self.calls.append((each.name, each.arguments))
        self.messages.append({"role": "assistant", "content": text, "tool_calls": made})
        for one, each in zip(made, calls, strict=True):
            result = self.answers.get(each.name) or self.domain.answers[each.name](each.arguments)
            content = result if isinstance(result, str) else json.dumps(result)
            self.messages.append({"role": "tool", "tool_call_id": one["id"], "content": content})


def wrong_in(case: Case, about: Domain) -> str:
    """What is wrong with the answer to the case's question; empty if nothing is."""
    talk = Talk(about, messages=[{"role": "system", "content": TOLD}])
    for question in case.after:
        talk.ask(question)
    answer = talk.ask(case.question)
    if not _same(talk.calls, case.calls):
        return f"{case.question}: called {talk.calls}, not {list(case.calls)}"
    return "" if case.words in answer else f"{case.question}: {case.words!r} not in {answer!r}"


def _same(made: Sequence[Call], expected: Sequence[Call]) -> bool:
    return len(made) == len(expected) and all(
        name == other and given.keys() == wanted.keys() and _equal(given, wanted)
        for (name, given), (other, wanted) in zip(made, expected, strict=True)
    )


def _equal(given: dict[str, Any], wanted: dict[str, Any]) -> bool:
    return all(
        value.search(given[name]) if isinstance(value, re.Pattern) else given[name] == value
        for name, value in wanted.items()
    )
