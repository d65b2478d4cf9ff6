"""What one model can take, as this process finds out from its endpoint: how many tokens, and
whether more than one system message.

The oldest part of a conversation is left out until the rest fits. Exchanges go as a whole, and
of the exchange in progress whole steps, so that no call is parted from its result. If the last
step's results alone are too much, they are shortened.
"""

from __future__ import annotations

import math
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Literal

from app.agent.messages import AttachedText, Message, ToolSpec, size_for_model
from app.agent.tool_results import shorten_rendered
from app.errors import ContextTooLong, ModelError

_LEAST_WINDOW, _MOST_WINDOW = 256, 10_000_000
# Text has about a quarter of a token for each byte, JSON and other scripts more.
_LEAST_PER_BYTE, _MOST_PER_BYTE = 0.1, 1.0
REPLY_TOKENS = 1_024
_PIECE = 0.25  # of the window, that is left out of the past at once
_STEP = 1.25  # by how much a guess is changed that was wrong by an unknown amount

ONE_SYSTEM_MESSAGE = "model_one_system_message"
"""The code of the error of an endpoint that takes no second system message."""


@dataclass(slots=True)
class ModelLimits:
    """The limits of one model, as far as they are known.

    `window` is the most tokens that a request and its reply may have together, or None while that
    is unknown. `reply_tokens` of them are kept free for the reply. `tokens_per_byte` is the number
    of tokens for a byte of the request's JSON.
    """

    window: int | None = None
    reply_tokens: int = REPLY_TOKENS
    tokens_per_byte: float = 0.25
    one_system_message: bool = False

    def fit(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> list[Message]:
        """Return the messages in a form that the model takes, as many as it has room for."""
        if self.one_system_message:
            messages = _with_one_system_message(messages)
        if self.window is None:
            return list(messages)
        room = self._room(self.window) / self.tokens_per_byte
        over = request_size(messages, tools) - room
        # Exchanges go in large pieces: while it is the same ones that are left out, the endpoint
        # needn't read all of the others again with each question.
        piece = room * _PIECE
        due = {"past": math.ceil(over / piece) * piece, "now": over}
        kept: list[Message] = []
        gone = 0
        for part in _parts(messages):
            if part.kind in due and gone < due[part.kind]:
                gone += size_for_model(part.messages) - 1  # one bracket is a comma
            else:
                kept += part.messages
        kept = _with_short_results(kept, math.ceil(over - gone))
        if not any(message.files for message in kept):
            return kept
        return _with_short_files(kept, math.ceil(request_size(kept, tools) - room))

    def learn_from_usage(self, size: int, prompt_tokens: int) -> None:
        """Correct the estimate by what the endpoint counted for a request of `size` bytes."""
        if prompt_tokens > 0 and size > 0:
            self._set_per_byte((self.tokens_per_byte + prompt_tokens / size) / 2)

    def learn_from(self, error: ModelError, size: int) -> bool:
        """Note what an endpoint says in refusing a request of `size` bytes.

        Return whether it has said something that can be kept to.
        """
        if isinstance(error, ContextTooLong):
            self._learn_window(error, size)
            return True
        if error.code != ONE_SYSTEM_MESSAGE or self.one_system_message:
            return False
        self.one_system_message = True
        return True

    def _learn_window(self, error: ContextTooLong, size: int) -> None:
        told = error.window or 0
        if _LEAST_WINDOW <= told <= _MOST_WINDOW:
            self.window = min(told, self.window or told)
        elif self.window is None:
            self.window = max(int(size * self.tokens_per_byte / _STEP), _LEAST_WINDOW)
        sent = (error.sent or 0) / size
        # Without a count, what was sent is known to be more than there is room for.
        least = self._room(self.window or _LEAST_WINDOW) / size
        guess = max(self.tokens_per_byte, least) * _STEP
        self._set_per_byte(sent if sent > least else guess)

    def _set_per_byte(self, ratio: float) -> None:
        self.tokens_per_byte = min(max(ratio, _LEAST_PER_BYTE), _MOST_PER_BYTE)

    def _room(self, window: int) -> int:
        return window - min(self.reply_tokens, window // 4)


@dataclass(frozen=True, slots=True)
class _Part:
    """Messages that stay or go together.

    They are of the past or of the exchange in progress; those that have to stay are of no kind.
    """

    messages: list[Message]
    kind: Literal["past", "now", ""] = ""


def can_see(model: str, vision_models: Container[str]) -> bool:
    """Whether the operator has said that the model can see; "*" stands for every model."""
    return model in vision_models or "*" in vision_models


def request_size(messages: Sequence[Message], tools: Sequence[ToolSpec]) -> int:
    """Return about how many bytes a request's JSON has."""
    return size_for_model([messages, tools])


def _with_short_results(messages: list[Message], over: int) -> list[Message]:
    """Shorten the longest results until about `over` bytes less are left."""
    sizes = sorted(len(message.text.encode()) for message in messages if message.role == "tool")
    if over <= 0 or not sizes:
        return messages
    most = _highest(sizes, sum(sizes) - over)
    return [
        replace(message, text=shorten_rendered(message.text, most))
        if message.role == "tool" and len(message.text.encode()) > most
        else message
        for message in messages
    ]


def _with_short_files(messages: list[Message], over: int) -> list[Message]:
    """Cut the texts that are attached to the question, until about `over` bytes less are left."""
    at = max((at for at, each in enumerate(messages) if each.role == "user"), default=None)
    files = () if at is None else messages[at].files
    sizes = sorted(len(each.text.encode()) for each in files if isinstance(each, AttachedText))
    if over <= 0 or not sizes or at is None:
        return messages
    most = _highest(sizes, sum(sizes) - over)
    short = (each.cut(most) if isinstance(each, AttachedText) else each for each in files)
    return [*messages[:at], replace(messages[at], files=tuple(short)), *messages[at + 1 :]]


def _highest(sizes: Sequence[int], room: int) -> int:
    """Return to what each of the sizes has to be cut, so that their sum fits. The smallest come
    first, and what they don't need is there for the others."""
    for at, size in enumerate(sizes):
        share = room // (len(sizes) - at)
        if size > share:
            return max(share, 0)
        room -= size
    return sizes[-1]


def _with_one_system_message(messages: Sequence[Message]) -> list[Message]:
    head = _head(messages)
    if not head:
        return list(messages)
    text = "\n\n".join(message.text.strip() for message in head)
    return [replace(head[0], text=text), *messages[len(head) :]]


def _head(messages: Sequence[Message]) -> list[Message]:
    return list(takewhile(lambda message: message.role == "system", messages))


def _parts(messages: Sequence[Message]) -> list[_Part]:
    """Return the messages in parts. The oldest exchanges may go, then the oldest steps of the one
    in progress; the rules, the question and the last step's calls and results stay."""
    head = _head(messages)
    *earlier, current = _split(messages[len(head) :], "user") or [[]]
    *steps, last = _split(current[1:], "assistant") or [[]]
    return [
        _Part(head),
        *(_Part(exchange, "past") for exchange in earlier),
        _Part(current[:1]),
        *(_Part(step, "now") for step in steps),
        _Part(last),
    ]


def _split(messages: Sequence[Message], role: str) -> list[list[Message]]:
    """Split messages before each of this role."""
    parts: list[list[Message]] = []
    for message in messages:
        if message.role == role or not parts:
            parts.append([])
        parts[-1].append(message)
    return parts
