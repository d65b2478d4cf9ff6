"""Titles that the model writes once the first answer of a conversation has ended.

Nobody waits for one. It is asked for once, by the worker that wrote the answer: if the request
fails, takes long or dies with its worker, the conversation keeps the title that it has.
"""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from typing import TypeVar

import gevent
from flask import Flask, render_template
from gevent.pool import Pool
from sqlalchemy import select, update

from app.agent.events import Content, Thinking
from app.agent.messages import Message, Turn
from app.agent.usage import Usage
from app.conversations.ownership import IS_THERE
from app.conversations.titles import read_model_title
from app.db.changes import count_changed
from app.db.models import Conversation, Run, db
from app.db.models import Message as StoredMessage
from app.errors import ModelError
from app.llm.chat_completions_request import ReplyOptions
from app.llm.model_client import ModelClient
from app.llm.reply_limits import ReplyLimits

log = logging.getLogger(__name__)

_SECONDS = 20.0
_MOST_AT_ONCE = 4
_MOST_TOKENS = 400  # some models think first
_READ = 1_500  # characters of the question and of the answer
_OPEN = (
    Conversation.titled_by == "question",
    Conversation.shelf != "temporary",
    IS_THERE,
)

Returned = TypeVar("Returned")


@dataclass(frozen=True)
class FirstExchange:
    """What a title is about."""

    question: str
    answer: str


class TitleWriter:
    """Asks the model for titles, a few at once. What is too much is left as it is: streams come
    first."""

    def __init__(self, app: Flask, model: ModelClient) -> None:
        self._app = app
        self._model = replace(
            model,
            limits=ReplyLimits(2_000, model.limits.event_bytes),
            options=ReplyOptions(model.options.temperature, _MOST_TOKENS),
            first_token_timeout=min(model.first_token_timeout, _SECONDS),
            attempts=1,
        )
        self._pool = Pool(_MOST_AT_ONCE)

    def begin(self, run_id: str, conversation_id: str) -> None:
        """Begin to write the title of a conversation whose first answer this run has ended."""
        if self._pool.free_count():
            self._pool.spawn(self._write, run_id, conversation_id)

    def stop(self) -> None:
        self._pool.kill()

    def _write(self, run_id: str, conversation_id: str) -> None:
        try:
            with gevent.Timeout(_SECONDS):
                with self._app.app_context():
                    exchange = load_exchange(conversation_id)
                    messages = _messages(exchange) if exchange else None
                if messages:
                    turn = self._ask(messages)
                    with self._app.app_context():
                        _store(run_id, conversation_id, turn)
        except ModelError as error:
            log.info("no title from the model: %s", error.code)
        except gevent.Timeout:
            log.info("no title from the model within %g seconds", _SECONDS)
        except Exception:
            log.exception("the title of a conversation could not be written")

    def _ask(self, messages: list[Message]) -> Turn:
        with closing(self._model.stream(messages, (), may_call=False)) as reply:
            return _returned(reply)


def load_exchange(conversation_id: str) -> FirstExchange | None:
    """Load what a title is about; None for a conversation that needs none."""
    query = (
        select(StoredMessage.content)
        .join(Conversation, Conversation.id == StoredMessage.conversation_id)
        .where(Conversation.id == conversation_id, *_OPEN)
        .where(StoredMessage.position <= 2, StoredMessage.superseded.is_(False))
        .order_by(StoredMessage.position)
    )
    texts = db.session.scalars(query).all()
    return FirstExchange(texts[0][:_READ], texts[1][:_READ]) if len(texts) == 2 else None


def _messages(exchange: FirstExchange) -> list[Message]:
    return [
        Message("system", render_template("prompts/title.md")),
        Message("user", render_template("prompts/exchange.md", exchange=exchange)),
    ]


def _returned(reply: Generator[Content | Thinking, None, Returned]) -> Returned:
    """Read a generator to its end and return what it returns."""
    while True:
        try:
            next(reply)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


def _store(run_id: str, conversation_id: str, turn: Turn) -> None:
    """Store the title unless the person has given one meanwhile, and what it cost in any case."""
    title = read_model_title(turn.text)
    if title and not turn.cut_off:
        named = update(Conversation).where(Conversation.id == conversation_id, *_OPEN)
        count_changed(named.values(title=title, titled_by="model"))
    if turn.usage is not None:
        run = db.session.get(Run, run_id)
        if run is not None:
            run.usage = asdict(turn.usage + Usage.from_json(run.usage or {}))
    db.session.commit()
