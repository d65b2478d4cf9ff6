"""The chat completions protocol: a streamed reply, read into text and a turn.

Endpoints differ in what they send; what is taken from each is written down in
tests/app/llm/recorded.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field

import httpx2

from app.agent.events import Content, Thinking
from app.agent.messages import ToolRequest, Turn
from app.agent.usage import Usage
from app.errors import ModelError, ModelRefused, ModelUnavailable
from app.llm import endpoint_errors
from app.llm.batching import BatchInterval
from app.llm.characters import CharacterJoiner, whole_characters
from app.llm.chat_completions_chunks import CallPart, Chunk, FunctionPart, decode_chunk, delta_text
from app.llm.repetition import LOOKED_AT, repeats
from app.llm.reply_limits import ReplyLimits
from app.llm.stream_decoder import EventStream
from app.llm.thoughts import ThoughtFilter, Thoughts
from app.texts import later

_LONGEST_MODEL_NAME = 100


@dataclass(slots=True)
class _CallParts:
    """A tool call that is being written; `id` is the endpoint's."""

    id: str | None
    name: list[str] = field(default_factory=list)
    arguments: list[str] = field(default_factory=list)

    def request(self) -> ToolRequest:
        # With an id of our own: small models leave theirs out or use one twice, and it has to be
        # unique for good, being the call's idempotency key as well.
        name, arguments = whole_characters("".join(self.name)), "".join(self.arguments)
        return ToolRequest(f"call_{uuid.uuid4().hex}", name, whole_characters(arguments) or "{}")


@dataclass(slots=True)
class Reply:
    """A reply that is being read.

    `model` is the one that was asked, until the endpoint says. `without_key` takes the key out of
    what the endpoint says of a failure.
    """

    body: httpx2.SyncByteStream
    model: str
    limits: ReplyLimits
    interval: BatchInterval
    without_key: Callable[[ModelError], ModelError]
    _events: EventStream = field(init=False)
    _first: str = ""
    _has_begun: bool = False  # the first token has come
    _thoughts: Thoughts = field(init=False)
    _filter: ThoughtFilter = field(init=False)
    _joiner: CharacterJoiner = field(default_factory=CharacterJoiner)
    _text: bytearray = field(default_factory=bytearray)
    _text_size: int = 0  # characters
    _next_look: int = LOOKED_AT  # bytes of text at which it is looked at for repetition
    _calls_size: int = 0
    _calls: list[_CallParts] = field(default_factory=list)
    _call_at: dict[int, _CallParts] = field(default_factory=dict)
    _usage: Usage | None = None
    _finish_reason: str | None = None
    _problem: ModelError | None = None  # raised once what came before it is passed on

    def __post_init__(self) -> None:
        self._events = EventStream(self.body, self.limits)
        self._thoughts = Thoughts(self.interval.now)
        self._filter = ThoughtFilter(self._thoughts.add)

    def wait_for_sign_of_life(self) -> None:
        """Read up to the first chunk of any kind: some come before the model begins to read.

        Raises ModelError, as `wait_for_first` does.
        """
        while not self._read_first():
            pass

    def wait_for_first(self) -> None:
        """Read up to the first token. Raises ModelError, also for a reply that has none."""
        while not self._has_begun:
            self._read_first()

    def _read_first(self) -> bool:
        """Read once; return whether a chunk came. Raises ModelError if no token is to come."""
        chunks = self._next_chunks()
        if chunks is None:
            raise self._ended_badly() or self._empty()
        self._first += self._take(chunks)
        self._has_begun = any(chunk.says_something for chunk in chunks)
        if self._problem is not None and not self._has_begun:
            raise self._problem
        return bool(chunks)

    def read(self) -> Generator[Content | Thinking, None, Turn]:
        """Yield the thoughts once they are over, the first text at once, then the text of each
        read; return the turn.

        Only text is batched. Nobody watches how a tool call is written, and it is to be made soon.
        """
        last_read = self.interval.now()
        text: str | None = self._first
        self.interval.answers += 1
        try:
            while text is not None:
                yield from self._say(self._joiner.add(self._filter.add(text)))
                self._check()
                if text:
                    last_read = self.interval.wait(last_read)
                text = self._more()
            yield from self._say(self._joiner.add(self._filter.end()) + self._joiner.end())
            turn = self._turn()
            yield from self._tell_thoughts()
            return turn
        finally:
            self.interval.answers -= 1
            self.close()

    def close(self) -> None:
        self.body.close()

    def _next_chunks(self) -> list[Chunk] | None:
        """Return the chunks that have arrived, waiting for some; None after the last."""
        try:
            events = next(self._events, None)
        except httpx2.RequestError as error:
            raise endpoint_errors.from_transport(error) from error
        return None if events is None else self._decode(events)

    def _decode(self, events: list[bytes]) -> list[Chunk]:
        """Decode events up to the first that can't be; its error is kept for later."""
        chunks: list[Chunk] = []
        try:
            for data in events:
                chunks.append(decode_chunk(data))
        except ModelError as problem:
            self._problem = self.without_key(problem)
        return chunks

    def _more(self) -> str | None:
        chunks = self._next_chunks()
        return None if chunks is None else self._take(chunks)

    def _take(self, chunks: list[Chunk]) -> str:
        """Note what the chunks say, and return their text."""
        texts: list[str] = []
        for chunk in chunks:
            if chunk.model:
                self.model = chunk.model
            if chunk.usage is not None:
                self._usage = chunk.usage.counted()
            for choice in chunk.choices or ():
                self._finish_reason = choice.finish_reason or self._finish_reason
                if choice.delta is None:
                    continue
                if choice.delta.content:
                    texts.append(delta_text(choice.delta.content))
                elif not self._text_size and (thought := choice.delta.thought):
                    self._thoughts.add(thought)
                for part in choice.delta.tool_calls or ():
                    self._add(part)
        return "".join(texts)

    def _add(self, part: CallPart) -> None:
        """Add a part of a tool call to its call.

        Parts of one call have the same index. But some endpoints send several calls, each of them
        whole, under one index or none, and some send every part under an id of its own.
        """
        function = part.function or FunctionPart()
        at = part.index or 0
        call = self._call_at.get(at)
        if call is None or (part.id and part.id != call.id and function.name):
            call = self._call_at[at] = _CallParts(part.id)
            self._calls.append(call)
        for piece, pieces in ((function.name, call.name), (function.arguments, call.arguments)):
            if piece:
                self._calls_size += len(piece)
                pieces.append(piece)

    def _tell_thoughts(self) -> Iterator[Thinking]:
        if thinking := self._thoughts.take():
            yield thinking

    def _say(self, text: str) -> Iterator[Content | Thinking]:
        if text and not self._text_size:
            yield from self._tell_thoughts()
        room = max(self.limits.characters - self._text_size, 0)
        self._text_size += len(text)
        if said := text[:room]:
            self._text += said.encode()
            yield Content(said)

    def _check(self) -> None:
        """Raise what has gone wrong, now that what came before it was passed on."""
        if self._problem is not None:
            raise self._problem
        if max(self._text_size, self._calls_size) > self.limits.characters:
            raise ModelError(
                f"The answer reached the limit of {self.limits.characters:,} characters and was"
                " ended.",
                code="answer_too_long",
            )
        if len(self._calls) > self.limits.calls:
            raise ModelError(
                f"The model asked for more than {self.limits.calls} tool calls at once, and the"
                " answer was ended.",
                code="too_many_calls",
            )

        if len(self._text) >= self._next_look:
            self._look_for_repetition()

    def _look_for_repetition(self) -> None:
        self._next_look = len(self._text) + LOOKED_AT
        if repeats(bytes(self._text[-LOOKED_AT:])):
            raise ModelError(
                later(
                    "The model only repeated itself, and the answer was ended. Ask in other words."
                ),
                code="answer_repeats",
            )

    def _ended_badly(self) -> ModelError | None:
        if self._finish_reason == "content_filter":
            return ModelRefused(later("The model declined to answer this."), code="model_declined")
        if self._finish_reason == "error":
            return endpoint_errors.unreadable("finish_reason: error")
        return None

    def _empty(self) -> ModelError:
        if self._finish_reason == "length":
            return ModelRefused(
                "The model reached its limit before it wrote an answer: raise MAX_TOKENS.",
                code="model_no_room",
            )
        return ModelUnavailable(later("The model sent an empty answer."), code="model_empty")

    def _turn(self) -> Turn:
        if self._finish_reason is None:
            raise ModelUnavailable(later("The model's answer was cut off."), code="model_cut_off")
        if problem := self._ended_badly():
            raise problem
        text = self._text.decode()
        if not self._calls and not text.strip():
            raise self._empty()
        calls = tuple(call.request() for call in self._calls)
        model = whole_characters(self.model)[:_LONGEST_MODEL_NAME]
        return Turn(text, calls, self._usage, model, cut_off=self._finish_reason == "length")
