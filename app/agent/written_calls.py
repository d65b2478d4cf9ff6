"""Takes a reply that is nothing but a tool call written as text for that call.

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

from app.agent.events import Content
from app.agent.messages import ToolRequest, Turn
from app.errors import ModelError
from app.json_input import parse_json

MAX_HELD_CHARS = 8_000

_OPENINGS = ("<tool_call>", "```json", "```tool_call", "```")
_WRITTEN = re.compile(
    r"(?:<tool_call>|```(?:json|tool_call)?)?\s*(\{.*\})\s*(?:</tool_call>|```)?", re.DOTALL
)
_ARGUMENTS = ("arguments", "parameters")
_KEYS = {"name", *_ARGUMENTS, "type", "id"}
_FIRST_KEYS = [f'"{key}"' for key in (*_KEYS, "function")]


def take_written_call(
    reply: Generator[Content, None, Turn], names: Collection[str]
) -> Generator[Content, None, Turn]:
    """Yield a reply's text and return its turn, as the reply does. A text that calls one of the
    tools with these names becomes that call. Raises ModelError."""
    held = ""
    try:
        while names and len(held) <= MAX_HELD_CHARS and _may_become_call(held):
            held += next(reply).chunk
    except StopIteration as end:
        turn: Turn = end.value
        written = None if turn.calls else read_written_call(held, names)
        if written is not None:
            return replace(turn, text="", calls=(written,))
        if held:
            yield Content(held)
        return turn
    except ModelError:
        if held:
            yield Content(held)
        raise
    try:
        if held:
            yield Content(held)
        return (yield from reply)
    finally:
        reply.close()


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
    text = text[1:].lstrip()
    return any(key.startswith(text) or text.startswith(key) for key in _FIRST_KEYS)


def read_written_call(text: str, names: Collection[str]) -> ToolRequest | None:
    """Return the call that the text is, or None if it is anything else."""
    match = _WRITTEN.fullmatch(text.strip())
    if match is None:
        return None
    try:
        call = parse_json(match[1])
    except ValueError:
        return None
    if isinstance(call.get("function"), dict):
        call = call["function"]
    name = call.get("name")
    if not call.keys() <= _KEYS or not isinstance(name, str) or name not in names:
        return None
    arguments: Any = next((call[key] for key in _ARGUMENTS if key in call), {})
    return ToolRequest(f"call_{uuid.uuid4().hex}", name, _as_text(arguments))


def _as_text(arguments: Any) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
