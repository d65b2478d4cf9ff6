"""One streamed completion from any OpenAI-compatible endpoint.

Transient failures are tried again with backoff until the first token has come, and never after,
so that no reader sees a word twice. Every way out closes the connection upstream.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import gevent
import httpx2
import msgspec
import openai
import tenacity

from app.agent.events import Content
from app.agent.messages import ToolRequest, Turn
from app.db.models import new_id
from app.errors import ModelError, ModelRefused, ModelUnavailable
from app.greenlets import run_in_greenlet
from app.llm.batching import BatchInterval
from app.llm.http_transport import ARRIVALS, CONNECT_SECONDS
from app.llm.stream_decoder import CallPart, Chunk, Chunks, Source, Unreadable

_TOO_LONG = {"context_length_exceeded", "exceed_context_size_error"}
_LONGEST_WAIT = 20.0
# Tells the openai client to leave the body of a response unread.
_UNREAD = {"X-Stainless-Raw-Response": "stream"}


@dataclass(frozen=True)
class Model:
    """An endpoint and the names of the models to ask there, the preferred first.

    `first_token_timeout` in seconds bounds the wait for the first token and any later silence.
    `attempts` counts tries for each name; `backoff` is the first wait in seconds, then doubled.
    """

    client: openai.OpenAI
    names: Sequence[str]
    pace: BatchInterval = field(default_factory=lambda: BatchInterval(0, 0))
    first_token_timeout: float = 60
    attempts: int = 3
    backoff: float = 0.5

    def stream(
        self, messages: list[dict[str, Any]], tools: list[dict[str, Any]]
    ) -> Generator[Content, None, Turn]:
        """Yield the text as it comes and return the finished turn. Raises ModelError, at once where
        nothing has come of it yet."""
        return run_in_greenlet(self._open, messages, tools).read()

    def _open(self, messages: list[dict[str, Any]], tools: list[dict[str, Any]]) -> _Reply:
        """The reply with its first token there, from the first model that gives one."""
        for name in self.names:
            try:
                return self._retrying(self._first_token, name, messages, tools)
            except ModelError as error:
                if name == self.names[-1] or not (error.retryable or error.code == "model_unknown"):
                    raise
        raise ModelRefused("No model is set: set MODEL.", code="model_unknown")

    @cached_property
    def _retrying(self) -> tenacity.Retrying:
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception(lambda error: getattr(error, "retryable", False)),
            stop=tenacity.stop_after_attempt(self.attempts),
            wait=self._wait,
            reraise=True,
        )

    def _wait(self, state: tenacity.RetryCallState) -> float:
        """What the endpoint asked for, else exponential backoff with jitter."""
        error = state.outcome.exception() if state.outcome else None
        asked = getattr(error, "retry_after", None)
        if asked is not None:
            return min(float(asked), _LONGEST_WAIT)
        jittered = tenacity.wait_random_exponential(self.backoff, max=_LONGEST_WAIT)
        return jittered(state)

    def _first_token(
        self, name: str, messages: list[dict[str, Any]], tools: list[dict[str, Any]]
    ) -> _Reply:
        reply = None
        timeout = gevent.Timeout.start_new(self.first_token_timeout)
        try:
            reply = _Reply(self._request(name, messages, tools), self.pace)
            reply.wait_for_first()
            return reply
        except BaseException as error:
            if reply is not None:
                reply.close()
            if error is timeout:
                raise ModelUnavailable(
                    f"The model sent nothing for {self.first_token_timeout:g} seconds.",
                    code="model_timeout",
                ) from None
            raise
        finally:
            timeout.close()

    def _request(
        self, name: str, messages: list[dict[str, Any]], tools: list[dict[str, Any]]
    ) -> Source:
        """The response, of which nothing but its head was read."""
        body = {
            "model": name,
            "messages": messages,
            "stream": True,
            "stream_options": {"include_usage": True},
            **({"tools": tools} if tools else {}),
        }
        with _mapped_errors():
            response = self.client.post(
                self._url,
                cast_to=httpx2.Response,
                # Not as `body`: the client's own encoder takes ten times as long.
                content=msgspec.json.encode(body),
                options=self._options,
            )
        # All else of it, the question that was sent among it, is not kept for as long as it takes.
        return response.extensions.get(ARRIVALS) or response

    @cached_property
    def _url(self) -> str:
        # As a whole: the client would put it together for each request.
        return str(self.client.base_url.join("chat/completions"))

    @cached_property
    def _options(self) -> openai.RequestOptions:
        timeout = openai.Timeout(self.first_token_timeout, connect=CONNECT_SECONDS)
        return {"timeout": timeout, "headers": _UNREAD}


@dataclass(slots=True)
class _Reply:
    """A completion being read: what has come of it so far."""

    source: Source
    pace: BatchInterval
    first: str = ""
    written: bytearray = field(default_factory=bytearray)
    calls: dict[int, _CallParts] = field(default_factory=dict)
    half: str = ""
    usage: dict[str, int] | None = None
    finish_reason: str | None = None
    _chunks: Chunks = field(init=False)

    def __post_init__(self) -> None:
        self._chunks = Chunks(self.source)

    def wait_for_first(self) -> None:
        """Read up to the first token. A reply that ends before one is a transient failure."""
        with _mapped_errors():
            for chunks in self._chunks:
                self.first += self._take(chunks)
                if any(map(_says_something, chunks)):
                    return
        if self.finish_reason == "content_filter":
            raise ModelRefused("The model declined to answer this.", code="model_declined")
        raise ModelUnavailable("The model sent an empty answer.", code="model_empty")

    def read(self) -> Generator[Content, None, Turn]:
        """The first token at once, then what has arrived at each look. Only text is paced: nobody
        watches how a tool call is written, and it is to be made at once."""
        looked = self.pace.now()
        text: str | None = self.first
        self.pace.answers += 1
        try:
            while text is not None:
                yield from self._say(text)
                if text:
                    looked = self.pace.wait(looked)
                text = self._more()
            if self.half:
                yield from self._say("\0")
            return self._turn()
        finally:
            self.pace.answers -= 1
            self.close()

    def close(self) -> None:
        self.source.close()

    def _more(self) -> str | None:
        """The text that has arrived, which may be none; None once all of it has."""
        with _mapped_errors():
            chunks = next(self._chunks, None)
        return None if chunks is None else self._take(chunks)

    def _take(self, chunks: list[Chunk]) -> str:
        """Note what the chunks say; their text."""
        text = []
        for chunk in chunks:
            if chunk.usage is not None:
                self.usage = chunk.usage.counted()
            for choice in chunk.choices or ():
                self.finish_reason = choice.finish_reason or self.finish_reason
                if choice.delta is None:
                    continue
                if choice.delta.content:
                    text.append(choice.delta.content)
                for part in choice.delta.tool_calls or ():
                    self._add_to_call(part)
        return "".join(text)

    def _add_to_call(self, part: CallPart) -> None:
        call = self.calls.setdefault(part.index or 0, _CallParts())
        if part.function is not None:
            call.name += part.function.name or ""
            call.arguments.append(part.function.arguments or "")

    def _say(self, chunk: str) -> Iterator[Content]:
        text = self.half + chunk
        # Some endpoints cut a character beyond the basic plane into two chunks.
        self.half = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
        whole = whole_characters(text.removesuffix(self.half))
        if whole:
            self.written += whole.encode()
            yield Content(whole)

    def _turn(self) -> Turn:
        if self.finish_reason is None:
            raise ModelUnavailable("The model's answer was cut off.", code="model_cut_off")
        if self.finish_reason == "content_filter":
            raise ModelRefused("The model declined to go on.", code="model_declined")
        if not self.calls and not self.written.decode().strip():
            raise ModelUnavailable("The model sent an empty answer.", code="model_empty")
        calls = tuple(self.calls[index].request() for index in sorted(self.calls))
        return Turn(self.written.decode(), calls, self.usage)


@dataclass
class _CallParts:
    name: str = ""
    arguments: list[str] = field(default_factory=list)

    def request(self) -> ToolRequest:
        # An id of our own: small models leave theirs out or use one twice, and it must be
        # unique for good since it is also the call's idempotency key.
        name, arguments = whole_characters(self.name), whole_characters("".join(self.arguments))
        return ToolRequest(f"call_{new_id()}", name, arguments or "{}")


def whole_characters(text: str) -> str:
    """The text as it can be stored and sent: surrogate pairs joined, half ones marked with the
    replacement character, and without NUL, which PostgreSQL takes in no text."""
    if text.isascii() and "\0" not in text:
        return text
    joined = text.replace("\0", "").encode("utf-16-le", "surrogatepass")
    return joined.decode("utf-16-le", "replace")


def _says_something(chunk: Chunk) -> bool:
    """Text or a tool call; or thoughts, which some endpoints send in a field of their own."""
    return any(
        delta.content or delta.tool_calls or delta.reasoning_content or delta.reasoning
        for choice in chunk.choices or ()
        if (delta := choice.delta) is not None
    )


class _mapped_errors:  # noqa: N801 - used like a statement
    """Turns what the openai client raises into this program's errors."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, openai.APIStatusError):
            raise _from_status(error) from error
        if isinstance(error, openai.APITimeoutError | httpx2.TimeoutException):
            raise ModelUnavailable("The model stopped sending.", code="model_timeout") from error
        if isinstance(error, openai.APIConnectionError | httpx2.RequestError):
            raise ModelUnavailable(
                "The connection to the model's endpoint failed.", code="model_connection"
            ) from error
        if isinstance(error, openai.APIError | Unreadable):
            raise ModelUnavailable("The model's endpoint failed in mid-answer.") from error


def _from_status(error: openai.APIStatusError) -> ModelError:
    status = error.status_code
    if status in (401, 403):
        return ModelRefused(
            "The model's endpoint refused the key: check OPENAI_API_KEY.", code="model_key"
        )
    if {error.code, error.type} & _TOO_LONG:
        return ModelRefused(
            "This conversation is too long for the model: start a new one, or lower "
            "HISTORY_TOKENS.",
            code="model_context",
        )
    if error.code == "insufficient_quota":
        return ModelRefused("The account at the model's endpoint has no credit left.")
    if status == 404:
        return ModelRefused(
            "The endpoint doesn't know this model: check MODEL and OPENAI_BASE_URL.",
            code="model_unknown",
        )
    if status in (408, 409, 425, 429) or status >= 500:
        return ModelUnavailable(_busy(status), retry_after=_retry_after(error))
    return ModelRefused("The model's endpoint refused the request: check MODEL and its features.")


def _busy(status: int) -> str:
    if status == 429:
        return "The model is busy (too many requests): try again in a moment."
    return f"The model's endpoint has trouble (status {status}): try again in a moment."


def _retry_after(error: openai.APIStatusError) -> float | None:
    value = error.response.headers.get("retry-after", "")
    return float(value) if value.replace(".", "", 1).isdigit() else None
