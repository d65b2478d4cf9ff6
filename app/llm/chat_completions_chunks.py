"""The chat completions protocol: one chunk of a streamed reply, decoded within bounds."""

from __future__ import annotations

import json

import msgspec

from app.agent.usage import Usage
from app.llm import endpoint_errors

_MOST_BRACKETS = 200


# Any JSON value; only its top level is decoded.
_Shallow = str | float | bool | list[msgspec.Raw] | dict[str, msgspec.Raw] | None


class FunctionPart(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class CallPart(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    function: FunctionPart | None = None


class TextPart(msgspec.Struct):
    text: str | None = None


class _Delta(msgspec.Struct):
    content: str | list[TextPart] | None = None
    tool_calls: list[CallPart] | None = None
    reasoning_content: _Shallow = None
    reasoning: _Shallow = None

    @property
    def says_something(self) -> bool:
        """Text or a tool call; or thoughts, which some endpoints send in a field of their own."""
        return bool(self.content or self.tool_calls or self.reasoning_content or self.reasoning)

    @property
    def thought(self) -> str:
        """The thoughts in a field of their own; some endpoints send both, which say the same."""
        thought = self.reasoning_content or self.reasoning
        return thought if isinstance(thought, str) else ""


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _PromptDetails(msgspec.Struct):
    cached_tokens: _Shallow = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | str | float | bool | list[msgspec.Raw] | None = None
    prompt_cache_hit_tokens: int | None = None  # DeepSeek's name for it

    def counted(self) -> Usage:
        prompt = self.prompt_tokens or 0
        cached = min(self._cached, prompt)
        return Usage(prompt, self.completion_tokens or 0, self.total_tokens or 0, cached)

    @property
    def _cached(self) -> int:
        details = self.prompt_tokens_details
        cached = details.cached_tokens if isinstance(details, _PromptDetails) else None
        return int(cached) if isinstance(cached, float) else self.prompt_cache_hit_tokens or 0


class Chunk(msgspec.Struct):
    """What is read of a chunk.

    No field takes a value of any depth. msgspec skips over nested values without making objects,
    so that running out of stack there ends in one clean RecursionError.
    """

    model: str | None = None
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: _Shallow = None

    @property
    def says_something(self) -> bool:
        return any(
            choice.delta is not None and choice.delta.says_something
            for choice in self.choices or ()
        )


# 0.6 µs of CPU a chunk; pydantic_core.from_json takes 1.5 and json.loads 4.3, to make dictionaries.
_decode = msgspec.json.Decoder(Chunk).decode


def decode_chunk(data: bytes) -> Chunk:
    """Decode an event's data. Raises ModelError for an error and for what is no chunk."""
    try:
        chunk = _decode(data)
    except (msgspec.ValidationError, UnicodeDecodeError, RecursionError) as error:
        raise endpoint_errors.unreadable(error) from error
    except msgspec.DecodeError:
        chunk = _decode_half_characters(data)
    if chunk.error:
        raise endpoint_errors.from_text(data)
    return chunk


def _decode_half_characters(data: bytes) -> Chunk:
    """Decode JSON with an escaped half of a surrogate pair, which msgspec refuses."""
    try:
        # The json module accepts halves, and nesting without a bound.
        if data.count(b"[") + data.count(b"{") > _MOST_BRACKETS:
            raise ValueError("half a character, or too many brackets")
        chunk = json.loads(data)
        if isinstance(chunk, dict) and chunk.get("error"):
            raise endpoint_errors.from_text(data)
        return msgspec.convert(chunk, Chunk)
    except ValueError as error:
        raise endpoint_errors.unreadable(error) from error


def delta_text(content: str | list[TextPart]) -> str:
    """Return a delta's text. Some endpoints send parts; those with thoughts have no text."""
    if isinstance(content, str):
        return content
    return "".join(part.text or "" for part in content)
