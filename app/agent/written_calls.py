"""Takes tool calls that are written as text for calls.

Small models, and servers that don't know a model's own way to call tools, write such replies. Their
text is held back until it is clear what it is, so that no reader sees it.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Collection, Generator
from dataclasses import replace
from typing import Any

from app.agent.events import Content, Thinking
from app.agent.messages import ToolRequest, Turn
from app.errors import ModelError
from app.json_input import parse_json

MAX_HELD_CHARS = 8_000

_OPEN_FENCE = re.compile(r"^(?:`{1,2}|```[^`]*)\Z", re.MULTILINE)
_CLOSED_FENCE = re.compile(r"^```(?:json|tool_call)?\s*\{[^`]*\}\s*```", re.MULTILINE)
_OPENINGS = ("<tool_call>", "<tools>", "```json", "```tool_call", "```")
_BETWEEN = re.compile(r"(?:</?(?:tool_call|tools)>|```(?:json|tool_call)?|[\s,;])*")
# In the languages of the pages.
_ANNOUNCEMENT = re.compile(
    r"\b(?:I(?:['\u2019]ll| will|['\u2019]m going to| am going to)|let me|ich werde|voy a)\b",
    re.IGNORECASE,
)
_decode = json.JSONDecoder().raw_decode
_ARGUMENTS = ("arguments", "parameters")
_KEYS = {"name", *_ARGUMENTS, "type", "id"}
_FIRST_KEYS = [f'"{key}"' for key in (*_KEYS, "function")]


Reply = Generator[Content | Thinking, None, Turn]


def take_written_call(
    reply: Reply, names: Collection[str], harmless: Collection[str] = ()
) -> Reply:
    """Yield a reply's thoughts and text, and return its turn, as the reply does. A text that calls
    tools with these names, and says nothing else, becomes these calls. So does a fenced block amid
    other words that calls `harmless` tools: what such a model writes below it are made-up results,
    and are left out. Another tool isn't called so, for the words may be a quotation. Raises
    ModelError."""
    held = ""
    try:
        while names and len(held) <= MAX_HELD_CHARS and _may_become_call(held):
            piece = next(reply)
            if isinstance(piece, Thinking):
                yield piece
            else:
                held += piece.chunk
    except StopIteration as end:
        turn: Turn = end.value
        written = () if turn.calls else read_written_calls(held, names)
        if written:
            return replace(turn, text="", calls=written)
        if held:
            yield Content(held)
        return turn
    except ModelError:
        if held:
            yield Content(held)
        raise
    try:
        if not harmless:
            if held:
                yield Content(held)
            return (yield from reply)
        return (yield from _take_fenced_call(reply, held, harmless))
    finally:
        reply.close()


def _take_fenced_call(reply: Reply, text: str, names: Collection[str]) -> Reply:
    """Go on with a reply after `text`, which nobody has seen yet."""
    said: list[str] = []
    calls: tuple[ToolRequest, ...] = ()
    try:
        while True:
            if text and not calls:
                shown, text, calls = _split_at_fence(text, names)
                if shown:
                    said.append(shown)
                    yield Content(shown)
            piece = next(reply)
            if isinstance(piece, Thinking):
                yield piece
            elif not calls:
                text += piece.chunk
    except StopIteration as end:
        turn: Turn = end.value
        if calls and not turn.calls:
            return replace(turn, text="".join(said), calls=calls)
        if text:
            yield Content(text)
        return turn
    except ModelError:
        if text:
            yield Content(text)
        raise


def _split_at_fence(text: str, names: Collection[str]) -> tuple[str, str, tuple[ToolRequest, ...]]:
    """Return what can be shown of the text, what is held back since it may become a fenced call,
    and the calls once it is one."""
    shown_to = 0
    for closed in _CLOSED_FENCE.finditer(text):
        if calls := read_written_calls(closed[0], names):
            return text[: closed.start()], "", calls
        shown_to = closed.end()
    opened = _OPEN_FENCE.search(text, shown_to)
    if opened and len(opened[0]) <= MAX_HELD_CHARS and _may_become_call(opened[0]):
        return text[: opened.start()], opened[0], ()
    return text, "", ()


def _may_become_call(text: str) -> bool:
    """Whether a reply that begins like this may be a call. It is asked of its first words alone:
    what comes after them changes nothing."""
    text = text.lstrip()
    if any(opening.startswith(text) for opening in _OPENINGS):
        return True
    opening = next((opening for opening in _OPENINGS if text.startswith(opening)), "")
    text = text[len(opening) :].lstrip()
    if not text.startswith("{"):
        return not text
    text = text[1:].lstrip().removeprefix("{").lstrip()
    return any(key.startswith(text) or text.startswith(key) for key in _FIRST_KEYS)


def read_written_calls(text: str, names: Collection[str]) -> tuple[ToolRequest, ...]:
    """Return the calls that the text is, one after the other; none if it is anything else."""
    calls = []
    try:
        at = _skip(text, 0)
        while at < len(text):
            call, at = _read_call(text, at, names)
            calls.append(call)
            at = _skip(text, at)
    except (ValueError, RecursionError):
        return ()
    return tuple(calls)


def _skip(text: str, at: int) -> int:
    """Return where the next call begins, after tags, fences and commas."""
    between = _BETWEEN.match(text, at)
    return between.end() if between else at


def _read_call(text: str, at: int, names: Collection[str]) -> tuple[ToolRequest, int]:
    """Return the call that begins there, and where it ends. Raises ValueError if it is none."""
    doubled = text.startswith("{{", at)  # as Qwen2.5-Coder writes after a result
    _, end = _decode(text, at + doubled)
    call = parse_json(text[at + doubled : end])
    if isinstance(call, dict) and isinstance(call.get("function"), dict):
        call = call["function"]
    if not isinstance(call, dict) or not call.keys() <= _KEYS or not _is_one_of(call, names):
        raise ValueError("no call of an offered tool")
    arguments: Any = next((call[key] for key in _ARGUMENTS if key in call), {})
    if doubled:
        end = text.index("}", end, end + 1) + 1
    return ToolRequest(f"call_{uuid.uuid4().hex}", call["name"], _as_text(arguments)), end


def _is_one_of(call: dict[str, Any], names: Collection[str]) -> bool:
    return isinstance(call.get("name"), str) and call["name"] in names


def _as_text(arguments: Any) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)


def announced_tool(text: str, names: Collection[str]) -> str | None:
    """Return the name of the tool that a text says will be called; None if it says so of none, or
    names more than one, as a list of what there is does."""
    if not _ANNOUNCEMENT.search(text):
        return None
    named = {name for name in names if re.search(rf"\b{re.escape(name)}\b", text)}
    return named.pop() if len(named) == 1 else None
