"""One streamed reply, from the first model at an endpoint that gives one.

A failure that may pass is tried again with backoff until the first token has come, and never after
it, so that no reader sees a word twice. However a reply ends, its connection is closed.
"""

from __future__ import annotations

from collections.abc import Container, Generator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import gevent
import tenacity

from app.agent.events import Content, Thinking
from app.agent.messages import Message, ToolSpec, Turn
from app.config import Settings
from app.errors import ModelError, ModelRefused, ModelUnavailable
from app.greenlets import run_in_greenlet
from app.llm.batching import BatchInterval
from app.llm.chat_completions_reply import Reply
from app.llm.chat_completions_request import PATH, ReplyOptions, request_body
from app.llm.endpoint import Endpoint
from app.llm.model_limits import REPLY_TOKENS, ModelLimits, can_see, request_size
from app.llm.reply_limits import ReplyLimits

_LONGEST_WAIT = 20.0
_MOST_CUTS = 5  # of one conversation, until the model takes it


@dataclass(frozen=True, slots=True)
class _OpenReply:
    """A reply to a request of `size` bytes, of a model with these limits."""

    reply: Reply
    limits: ModelLimits
    size: int


@dataclass(frozen=True)
class ModelClient:
    """An endpoint and the names of the models to ask there, the preferred one first.

    `first_token_timeout` in seconds bounds the wait for the first sign of life, and any silence
    after it.
    `context_tokens` are the most that a request and its reply may have, if that is set.
    `vision_models` are the names of those that can see.
    `attempts` counts the tries for each name; `backoff` is the first wait in seconds, doubled each
    time.
    """

    endpoint: Endpoint
    names: Sequence[str]
    interval: BatchInterval = field(default_factory=lambda: BatchInterval(0, 0))
    limits: ReplyLimits = field(default_factory=ReplyLimits)
    options: ReplyOptions = field(default_factory=ReplyOptions)
    context_tokens: int | None = None
    vision_models: Container[str] = ()
    first_token_timeout: float = 60
    attempts: int = 3
    backoff: float = 0.5

    @classmethod
    def from_settings(cls, settings: Settings) -> ModelClient:
        """Build the model that the settings name."""
        return cls(
            Endpoint(settings.model_base_url, settings.openai_api_key.get_secret_value()),
            settings.asked_models,
            interval=BatchInterval(settings.flush_interval, settings.longest_flush_interval),
            limits=ReplyLimits(settings.max_answer_chars, settings.max_event_bytes),
            options=ReplyOptions(settings.temperature, settings.max_tokens),
            context_tokens=settings.context_tokens,
            vision_models=settings.vision_models,
            first_token_timeout=settings.first_token_timeout,
            attempts=settings.model_attempts,
        )

    def choices(self, settings: Settings) -> dict[str, ModelClient]:
        """Return a client at the same endpoint for each model that people can choose."""
        return {
            name: replace(self, names=tuple(dict.fromkeys((name, *settings.asked_models[1:]))))
            for name in settings.model_choices
        }

    def stream(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], *, may_call: bool = True
    ) -> Generator[Content | Thinking, None, Turn]:
        """Yield what it thought and the text as it comes, and return the finished turn. Raises
        ModelError.

        The request is sent here, before anything is yielded.
        """
        return _read(run_in_greenlet(self._open, messages, tools, may_call))

    def _open(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], may_call: bool
    ) -> _OpenReply:
        """Return a reply whose first token is there, from the first model that gives one."""
        for name in self.names:
            try:
                return self._open_fitting(name, messages, tools, may_call)
            except ModelError as error:
                if name == self.names[-1] or not (error.retryable or error.code == "model_unknown"):
                    raise
        raise ModelRefused("No model is set: set MODEL.", code="model_unknown")

    def _open_fitting(
        self, name: str, messages: Sequence[Message], tools: Sequence[ToolSpec], may_call: bool
    ) -> _OpenReply:
        """Ask a model, again with less of the conversation if it says that it was too much."""
        limits, cuts = self.known[name], 0
        while True:
            asked = limits.fit(messages, tools)
            size = request_size(asked, tools)
            sees = can_see(name, self.vision_models)
            body = request_body(name, asked, tools, self.options, may_call=may_call, can_see=sees)
            try:
                return _OpenReply(self._retrying(self._ask, name, body), limits, size)
            except ModelRefused as error:
                cuts += 1
                has_learned = limits.learn_from(error, size)
                if cuts > _MOST_CUTS or not has_learned or limits.fit(messages, tools) == asked:
                    raise

    @cached_property
    def known(self) -> dict[str, ModelLimits]:
        """What this process knows of each model, by its name."""
        reply_tokens = self.options.max_tokens or REPLY_TOKENS
        return {name: ModelLimits(self.context_tokens, reply_tokens) for name in self.names}

    @cached_property
    def _retrying(self) -> tenacity.Retrying:
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception(lambda error: getattr(error, "retryable", False)),
            stop=tenacity.stop_after_attempt(self.attempts),
            wait=self._wait,
            reraise=True,
        )

    def _wait(self, state: tenacity.RetryCallState) -> float:
        """Return the seconds that the endpoint asked for, or else a backoff with jitter."""
        error = state.outcome.exception() if state.outcome else None
        asked = getattr(error, "retry_after", None)
        if asked is not None:
            return min(float(asked), _LONGEST_WAIT)
        jittered = tenacity.wait_random_exponential(self.backoff, max=_LONGEST_WAIT)
        return jittered(state)

    def _ask(self, name: str, body: dict[str, Any]) -> Reply:
        """Send a request and wait for the first token. Raises ModelError."""
        reply = None
        timeout = gevent.Timeout.start_new(self.first_token_timeout)
        try:
            stream = self.endpoint.post(PATH, body, silence=self.first_token_timeout)
            reply = Reply(stream, name, self.limits, self.interval, self.endpoint.without_key)
            reply.wait_for_sign_of_life()
            # From now on it is the silence between two reads that is bounded.
            timeout.close()
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


def _read(opened: _OpenReply) -> Generator[Content | Thinking, None, Turn]:
    """Read the reply, and take its usage for the estimate of what the next request costs."""
    turn = yield from opened.reply.read()
    if turn.usage is not None:
        opened.limits.learn_from_usage(opened.size, turn.usage.prompt_tokens)
    return turn
