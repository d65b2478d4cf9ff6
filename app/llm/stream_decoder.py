"""A streamed completion's chunks, from bytes that may be cut anywhere: between two events, within a
line, within a character."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import msgspec

from app.json_input import is_too_deep


class Unreadable(Exception):
    """The endpoint sent something that is no chunk: an error, or what nobody can read."""


class Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class CallPart(msgspec.Struct):
    index: int | None = None
    function: Function | None = None


class Delta(msgspec.Struct):
    content: str | None = None
    tool_calls: list[CallPart] | None = None
    reasoning_content: Any = None
    reasoning: Any = None


class Choice(msgspec.Struct):
    delta: Delta | None = None
    finish_reason: str | None = None


class Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None

    def counted(self) -> dict[str, int]:
        return {name: getattr(self, name) or 0 for name in self.__struct_fields__}


class Chunk(msgspec.Struct):
    """What this program reads of a chunk; whatever else is in one is passed over."""

    choices: list[Choice] | None = None
    usage: Usage | None = None
    error: Any = None


_decode = msgspec.json.Decoder(Chunk).decode
_LONG = 500  # bytes: what is shorter can't be nested so deeply that it matters


Source = httpx2.Response | httpx2.SyncByteStream
"""A response, or its body alone where nothing has to be decoded."""


class Chunks:
    """The chunks as they come, those that came together in one list. Raises Unreadable, and what
    httpx2 raises. No generator: one would keep the last of them until the next ones come."""

    def __init__(self, source: Source) -> None:
        if isinstance(source, httpx2.Response):
            self._pieces = source.iter_bytes()
        else:
            self._pieces = iter(source)
        self._events = Events()

    def __iter__(self) -> Chunks:
        return self

    def __next__(self) -> list[Chunk]:
        if self._events.done:
            raise StopIteration
        piece = next(self._pieces, None)
        if piece is None:
            self._events.done = True
            piece = b"\n\n"
        return list(map(_chunk, self._events.feed(piece)))


def _chunk(data: bytes) -> Chunk:
    if len(data) > _LONG and is_too_deep(data.decode(errors="replace")):
        raise Unreadable("nested too deeply")
    try:
        chunk = _decode(data)
    except msgspec.ValidationError as error:
        raise Unreadable(str(error)) from error
    except msgspec.DecodeError:
        # Half characters are valid JSON, if in escapes, but not for every parser.
        chunk = _half_characters(data)
    if chunk.error:
        raise Unreadable(str(chunk.error))
    return chunk


def _half_characters(data: bytes) -> Chunk:
    try:
        return msgspec.convert(json.loads(data.decode()), Chunk)
    except (ValueError, msgspec.ValidationError) as error:
        raise Unreadable(str(error)) from error


class Events:
    """Server-sent events' data, as far as it is complete. `done` once the last one has come."""

    def __init__(self) -> None:
        self.done = False
        self._rest = b""
        self._data: list[bytes] = []

    def feed(self, piece: bytes) -> list[bytes]:
        """The data of the events that this completes, up to the one that ends them all."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        complete: list[bytes] = []
        for line in lines:
            if line.startswith(b"data:"):
                self._data.append(line[5:].strip())
            elif self._data and not line.strip():
                data, self._data = b"\n".join(self._data), []
                if data.startswith(b"[DONE]"):
                    self.done = True
                    break
                complete.append(data)
        return complete
