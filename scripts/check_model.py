"""Ask the settings' model five questions, and say what doesn't work: `make check-model`.

The questions go the way of every question of the app, so that what is found here holds there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import gevent

from app.agent.events import Content, ToolCallUpdate
from app.agent.messages import Message, ToolRequest, ToolSpec, Turn, parse_arguments, turn_messages
from app.agent.written_calls import take_written_call
from app.config import load_settings
from app.errors import ModelError
from app.llm.batching import BatchInterval
from app.llm.model_client import ModelClient
from scripts import StartError
from scripts.run import run_command
from scripts.services import configured_services

_RULES = Message("system", "You are a careful assistant. Answer briefly.")
_WEATHER = ToolSpec(
    "getWeather",
    "Tells the weather in a city now.",
    {
        "type": "object",
        "properties": {"city": {"type": "string", "description": "Name of the city"}},
        "required": ["city"],
    },
)
_ASKED = Message("user", "What is the weather in Oslo now?")
_RESULT = {"city": "Oslo", "temperatureCelsius": 17, "sky": "cloudy"}
_COUNT = Message("user", "Count from 1 to 40 in words, with commas between.")
_FEW_TOKENS = 8
_LONGEST_QUOTE = 80


@dataclass(frozen=True)
class Finding:
    """What one question showed, in a sentence."""

    subject: str
    works: bool
    sentence: str


@dataclass(frozen=True)
class _Answer:
    turn: Turn
    pieces: int


def check_model(client: ModelClient, seconds: float) -> Iterator[Finding]:
    """Ask five questions, and yield what each shows; an answer may take so many seconds. If the
    first one fails, so would the others, and they are not asked."""
    client = replace(client, attempts=1, interval=BatchInterval(0, 0))
    checks: tuple[tuple[str, Callable[[ModelClient], Finding]], ...] = (
        ("Text", _check_text),
        ("Tool call", _check_call),
        ("Tool result", _check_result),
        ("No tool call", _check_no_call),
        ("Limit of tokens", _check_limit),
    )
    for subject, check in checks:
        try:
            # Small models may repeat a sentence without end.
            with gevent.Timeout(seconds, _too_long(seconds)):
                finding = check(client)
            yield finding
        except ModelError as error:
            said = f" The endpoint said: {error.detail}" if error.detail else ""
            yield Finding(subject, False, f"{error.message}{said}")
            if check is _check_text:
                return


def _too_long(seconds: float) -> ModelError:
    return ModelError(
        f"The model hadn't finished after {seconds:g} seconds, when the app ends an answer. Raise"
        " RUN_TIMEOUT for a slow machine; set MAX_TOKENS for a model that doesn't stop."
    )


def _check_text(client: ModelClient) -> Finding:
    answer = _ask(client, [_RULES, _COUNT])
    faults = []
    if answer.pieces < 2:
        faults.append(
            "The answer came in one piece: the endpoint doesn't stream, or something between holds"
            " it back until it is whole."
        )
    if answer.turn.usage is None or not answer.turn.usage.prompt_tokens:
        faults.append("The endpoint reports no usage, so tokens can't be counted.")
    if answer.turn.cut_off:
        faults.append("The answer was cut off at the limit of tokens: raise MAX_TOKENS.")
    usage = answer.turn.usage
    counted = f", {usage.total_tokens} tokens by the endpoint's count" if usage else ""
    well = f"{answer.turn.model} answers in {answer.pieces} pieces{counted}."
    return Finding("Text", not faults, " ".join(faults) or well)


def _check_call(client: ModelClient) -> Finding:
    turn = _ask(client, [_RULES, _ASKED], [_WEATHER]).turn
    if not turn.calls:
        return Finding(
            "Tool call",
            False,
            f"The model called no tool, but wrote {_quote(turn.text)} Use a model that is made for"
            " tools, and an endpoint that has them switched on (llama.cpp: --jinja, vLLM:"
            " --enable-auto-tool-choice).",
        )
    [call, *more] = turn.calls
    arguments = parse_arguments(call.arguments) or {}
    if call.name != _WEATHER.name or "oslo" not in str(arguments.get("city")).lower():
        written = _quote(f"{call.name} {call.arguments}")
        return Finding("Tool call", False, f"The model called a tool wrongly: {written}")
    if more:
        return Finding("Tool call", False, f"The model called the tool {len(turn.calls)} times.")
    return Finding("Tool call", True, "The model calls a tool with the right argument.")


def _check_result(client: ModelClient) -> Finding:
    call = ToolRequest("call_of_the_check", _WEATHER.name, '{"city": "Oslo"}')
    update = ToolCallUpdate(call.id, call.name, "completed", {"city": "Oslo"}, _RESULT)
    past = turn_messages(Turn("", (call,)), {call.id: update})
    turn = _ask(client, [_RULES, _ASKED, *past], [_WEATHER]).turn
    if turn.calls:
        return Finding(
            "Tool result", False, "The model called the tool again instead of answering."
        )
    if "17" not in turn.text:
        told = _quote(turn.text)
        return Finding("Tool result", False, f"The model didn't tell what the tool said: {told}")
    return Finding("Tool result", True, "The model answers by what the tool said.")


def _check_no_call(client: ModelClient) -> Finding:
    turn = _ask(client, [_RULES, _ASKED], [_WEATHER], may_call=False).turn
    if turn.calls:
        return Finding(
            "No tool call",
            False,
            "The model calls a tool although tool_choice forbids it. The app then asks once more"
            " without tools, so an answer with many steps takes longer.",
        )
    return Finding("No tool call", True, "The model calls no tool when it must not.")


def _check_limit(client: ModelClient) -> Finding:
    limited = replace(client, options=replace(client.options, max_tokens=_FEW_TOKENS))
    turn = _ask(limited, [_RULES, _COUNT]).turn
    if not turn.cut_off:
        return Finding(
            "Limit of tokens",
            False,
            f"The endpoint doesn't keep to max_tokens ({_FEW_TOKENS}) or doesn't say that it cut"
            " the answer off, so MAX_TOKENS has no effect.",
        )
    return Finding("Limit of tokens", True, "The endpoint keeps to MAX_TOKENS and says so.")


def _ask(
    client: ModelClient,
    messages: list[Message],
    tools: Sequence[ToolSpec] = (),
    *,
    may_call: bool = True,
) -> _Answer:
    """Ask, and read the whole answer. Raises ModelError."""
    reply, pieces = client.stream(messages, tools, may_call=may_call), 0
    stream = take_written_call(reply, {tool.name for tool in tools} if may_call else ())
    while True:
        try:
            pieces += isinstance(next(stream), Content)
        except StopIteration as end:
            return _Answer(end.value, pieces)


def _quote(text: str) -> str:
    shown = " ".join(text.split())
    return f'"{shown[:_LONGEST_QUOTE]}…"' if len(shown) > _LONGEST_QUOTE else f'"{shown}"'


def run() -> int:
    """Check the settings' model, and return the exit code. Raises StartError."""
    configured_services()  # says what is wrong with a setting
    settings = load_settings()
    if settings.uses_demo_model:
        raise StartError("No model is set: set OPENAI_BASE_URL or OPENAI_API_KEY, and MODEL.")
    print(f"Asking {settings.model} at {settings.model_base_url}:", flush=True)
    all_work = True
    for finding in check_model(ModelClient.from_settings(settings), settings.run_timeout):
        print(
            f"{'ok   ' if finding.works else 'WRONG'} {finding.subject}: {finding.sentence}",
            flush=True,
        )
        all_work = all_work and finding.works
    return 0 if all_work else 1


if __name__ == "__main__":
    run_command(run)
