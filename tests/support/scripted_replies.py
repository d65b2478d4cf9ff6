"""The replies of a scripted model, as values: whole, broken, slow or silent ones."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from gevent.event import Event

Delta = dict[str, Any]
Ending = Literal["done", "stall", "cut", "reset", "error"]
HEAD = {"id": "chatcmpl-scripted", "created": 0, "model": "scripted"}
USAGE = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
ARGUMENT_PIECE = 8


@dataclass(frozen=True)
class RecordedRequest:
    """One request, and how its connection ended."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any
    disconnected: Event = field(default_factory=Event)
    finished: Event = field(default_factory=Event)

    @property
    def last_user_text(self) -> str:
        """The newest user message, or ""."""
        messages = self.body.get("messages", []) if isinstance(self.body, dict) else []
        said = [message["content"] for message in messages if message.get("role") == "user"]
        return str(said[-1]) if said else ""

    def note_disconnect(self) -> None:
        """Record that the client has left, unless its reply was finished."""
        if not self.finished.is_set() and not self.disconnected.is_set():
            self.disconnected.set()


@dataclass(frozen=True)
class Completion:
    """A streamed reply: deltas `pace` seconds apart, after `first_delay` seconds (None: never)."""

    deltas: tuple[Delta, ...] = ()
    finish_reason: str = "stop"
    usage: bool = True
    pace: float = 0.0
    first_delay: float | None = 0.0
    ending: Ending = "done"
    forever: bool = False
    message: str = ""
    held: str = ""  # stand still half-way, or before a late beginning, until this word is let go


@dataclass(frozen=True)
class Failure:
    """An HTTP error in OpenAI's format."""

    status: int
    message: str
    code: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RawBytes:
    """An event stream sent in just these pieces, `pace` seconds apart."""

    pieces: tuple[bytes, ...]
    pace: float = 0.0


@dataclass(frozen=True)
class Whole:
    """A response that is sent as it is."""

    status: int
    body: bytes
    content_type: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Chosen:
    """A reply that depends on the request."""

    choose: Callable[[RecordedRequest], Reply]


Reply = Completion | Failure | RawBytes | Whole | Chosen


def text(
    *chunks: str, pace: float = 0.0, usage: bool = True, finish_reason: str = "stop"
) -> Completion:
    """A plain answer, one delta a chunk."""
    deltas = tuple({"content": chunk} for chunk in chunks)
    return Completion(deltas, finish_reason, usage, pace)


def call(name: str, arguments: dict[str, Any] | str, id: str | None = None) -> Delta:
    """One tool call for `tool_calls`. Arguments that are text are sent as they are, even broken."""
    written = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return {"id": id, "type": "function", "function": {"name": name, "arguments": written}}


_call_numbers = itertools.count(1)


def tool_calls(calls: Iterable[Delta], text_before: str = "", pace: float = 0.0) -> Completion:
    """Several tool calls in one turn, their arguments cut into small pieces."""
    deltas = [{"content": text_before}] if text_before else []
    for index, one in enumerate(calls):
        deltas += _call_deltas(index, one)
    return Completion(tuple(deltas), "tool_calls", pace=pace)


def _call_deltas(index: int, one: Delta) -> Iterator[Delta]:
    written = one["function"]["arguments"]
    function = {"name": one["function"]["name"], "arguments": ""}
    call_id = one["id"] or f"call_{next(_call_numbers)}"
    head = {"index": index, "id": call_id, "type": "function", "function": function}
    yield {"tool_calls": [head]}
    for start in range(0, len(written), ARGUMENT_PIECE):
        piece = {"arguments": written[start : start + ARGUMENT_PIECE]}
        yield {"tool_calls": [{"index": index, "function": piece}]}


def tool_call(
    name: str,
    arguments: dict[str, Any] | str,
    id: str | None = None,
    text_before: str = "",
) -> Completion:
    """A reply of one tool call, with or without text before it."""
    return tool_calls([call(name, arguments, id)], text_before)


def error(
    status: int, message: str, code: str | None = None, headers: dict[str, str] | None = None
) -> Failure:
    """An HTTP error."""
    return Failure(status, message, code, headers or {})


def stall_before_first(seconds: float | None, reply: Completion | None = None) -> Completion:
    """The headers at once, then silence before the first event; None: without end."""
    return replace(reply or text("Hello ", "world"), first_delay=seconds)


def stall_after(*chunks: str) -> Completion:
    """These chunks, then silence on an open connection."""
    return replace(text(*chunks), ending="stall")


def cut_after(*chunks: str, reset: bool = False) -> Completion:
    """These chunks, then the connection is closed (or reset) in the middle of an event."""
    return replace(text(*chunks), ending="reset" if reset else "cut")


def error_mid_stream(*chunks: str, message: str = "The upstream failed.") -> Completion:
    """These chunks, then an event that holds an error instead of a chunk."""
    return replace(text(*chunks), ending="error", message=message)


def raw_bytes(pieces: Iterable[bytes], pace: float = 0.0) -> RawBytes:
    """A stream's bytes, cut into these pieces."""
    return RawBytes(tuple(pieces), pace)


def whole(
    status: int, body: bytes, content_type: str, headers: dict[str, str] | None = None
) -> Whole:
    """A response of any kind."""
    return Whole(status, body, content_type, headers or {})


def event(delta: Delta, finish_reason: str | None = None) -> bytes:
    """One chunk as an SSE event, for `raw_bytes`."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return sse({**HEAD, "object": "chat.completion.chunk", "choices": [choice]})


DONE = b"data: [DONE]\n\n"


def empty() -> Completion:
    """A stream without any text."""
    return Completion()


def endless(pace: float = 0.02, chunk: str = "word ") -> Completion:
    """An answer that goes on until the client leaves."""
    return replace(text(chunk, pace=pace), forever=True)


def reasoning(*thoughts: str, then: Completion | None = None) -> Completion:
    """Deltas of `reasoning_content`, then the answer."""
    answer = then or text("Hello ", "world")
    before = tuple({"reasoning_content": thought} for thought in thoughts)
    return replace(answer, deltas=before + answer.deltas)


def reply(choose: Callable[[RecordedRequest], Reply]) -> Chosen:
    """A reply that depends on the request."""
    return Chosen(choose)


def sse(body: Any) -> bytes:
    """One server-sent event, in UTF-8; halves of surrogate pairs can only be escaped."""
    try:
        data = json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        data = json.dumps(body).encode()
    return b"data: " + data + b"\n\n"


MARKDOWN = """## Three notes

| Note | Words |
| --- | ---: |
| Rivers | 1,825 |
| Lakes | 1,799 |

- **Bold** and *slanted*
- `code`

All of it is Markdown."""


_PACE_HELD = 0.02


def by_marker(record: RecordedRequest) -> Reply:
    """Reply as the marker in double brackets says that the newest user message holds.

    `[[slow]]`, `[[cut]]`, `[[limit]]`, `[[stall]]`, `[[think]]`, `[[endless PACE]]`,
    `[[markdown]]`, `[[error]]`, `[[say WORDS]]` (said back word for word),
    `[[tool NAME {JSON}]]` (called once, and answered with the words of `[[then WORDS]]`).
    With `[[held WORD]]` after any of them, the text stops half-way until `POST /go` sends WORD. Nor
    is it slow before and after: what is to happen in its middle has time enough.
    """
    asked = re.search(r"\[\[(\w+)\s*(.*?)\]\]", record.last_user_text, re.S)
    name, rest = (asked[1], asked[2]) if asked else ("", "")
    answers: dict[str, Callable[[], Reply]] = {
        "slow": lambda: text(*(f"word{n} " for n in range(50)), pace=0.12),
        "cut": lambda: cut_after("Cut ", "short"),
        "limit": lambda: text("Half a ", "sentence", finish_reason="length"),
        "stall": lambda: stall_after("Stalled ", "here"),
        "endless": lambda: endless(float(rest or 0.05)),
        "think": lambda: stall_before_first(3.0, text("Thought ", "through")),
        "markdown": lambda: text(*re.findall(r"\S+\s*", MARKDOWN), pace=0.02),
        "error": lambda: error(401, "Incorrect API key provided.", code="invalid_api_key"),
        "say": lambda: text(*re.findall(r"\S+\s*|\s+", rest), pace=0.01),
        "tool": lambda: _tool_by_marker(record, rest),
    }
    chosen = answers.get(name, lambda: text("Hello ", "world", pace=0.02))()
    held = re.search(r"\[\[held (\S+)\]\]", record.last_user_text)
    if held and isinstance(chosen, Completion) and chosen.finish_reason == "stop":
        return replace(chosen, held=held[1], pace=min(chosen.pace, _PACE_HELD))
    return chosen


def _tool_by_marker(record: RecordedRequest, rest: str) -> Reply:
    last = record.body["messages"][-1]
    if last["role"] == "tool":
        then = re.search(r"\[\[then (.*?)\]\]", record.last_user_text, re.S)
        words = re.findall(r"\S+\s*", then[1]) if then else ("The tool ", "answered.")
        return text(*words, pace=0.02)
    name, _, arguments = rest.partition(" ")
    return tool_call(name, arguments or "{}", text_before="Let me see. ")
