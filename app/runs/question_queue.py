"""Questions that are asked once the answer before them is over: put into the queue, and asked.

A question is asked by the transaction that takes it out of the queue and stores its run, so it is
asked once, whichever workers try. The worker that ends a run asks the next one; if it dies in
between, any worker does soon. Knows nothing of how an answer is produced.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from flask import Flask
from sqlalchemy import bindparam, delete, exists, func, select, update

from app.config import Settings
from app.conversations.file_storage import StoredFile
from app.conversations.files import add_files, remove_files
from app.conversations.ownership import IS_THERE, QUEUE_ORDER
from app.db.changes import count_changed
from app.db.clock import epoch
from app.db.connection import is_unavailable
from app.db.models import Conversation, Run, User, db, new_id, to_person, utc_now
from app.db.queue_models import QueuedQuestion
from app.errors import Conflict, NotFound, TooMany
from app.runs import sql
from app.runs.active_run import AnswerPlace
from app.runs.admission import check_limits, load_admission
from app.runs.event_log import EventLog
from app.runs.producer import Producer
from app.runs.run_starter import RunStarter
from app.texts import later

log = logging.getLogger(__name__)

MOST_QUEUED = 5
"""Questions in the queue of one conversation."""
_MOST_AT_ONCE = 8

_QUEUE, _RUNS = QueuedQuestion.__table__.c, Run.__table__.c
_TAKE = delete(QueuedQuestion).where(QueuedQuestion.held.is_(False))
# Built once, since it is executed at the end of each run.
_NEXT = (
    select(
        *_QUEUE["id", "user_id", "text", "asked_as", "model"],
        (_QUEUE.try_at <= epoch()).label("is_due"),
    )
    .where(_QUEUE.conversation_id == bindparam("conversation"), _QUEUE.held.is_(False))
    .order_by(*QUEUE_ORDER)
    .limit(1)
)
# The user's id is for the index; a conversation has no other person's runs.
_IS_ANSWERING = exists().where(
    _RUNS.user_id == _QUEUE.user_id, Run.live, _RUNS.conversation_id == _QUEUE.conversation_id
)
_LEFT = (
    select(_QUEUE.conversation_id)
    .distinct()
    .join(Conversation.__table__, Conversation.__table__.c.id == _QUEUE.conversation_id)
    .where(_QUEUE.held.is_(False), _QUEUE.try_at <= epoch(), IS_THERE, ~_IS_ANSWERING)
    .limit(_MOST_AT_ONCE)
)


class QuestionQueue:
    """The queued questions of all conversations, and this worker's part in asking them."""

    def __init__(
        self,
        app: Flask,
        settings: Settings,
        event_log: EventLog,
        producer: Producer,
        starter: RunStarter,
    ) -> None:
        self._app = app
        self._settings = settings
        self._log = event_log
        self._producer = producer
        self._starter = starter

    def add(
        self,
        user_id: str,
        conversation_id: str,
        text: str,
        key: str | None,
        model: str | None,
        files: Sequence[StoredFile] = (),
    ) -> QueuedQuestion:
        """Queue a question with its files, and commit. Raises Conflict if the queue is full,
        and Unavailable.

        `load_admission` has to come before it in the transaction.
        """
        count, try_at = db.session.execute(
            select(func.count(), func.max(_QUEUE.try_at).filter(_QUEUE.held.is_(False))).where(
                _QUEUE.conversation_id == conversation_id
            )
        ).one()
        if count >= MOST_QUEUED:
            raise Conflict(
                f"{MOST_QUEUED} questions are queued already. Wait for one to be asked, or remove"
                " one."
            )
        queued = QueuedQuestion(
            id=new_id(),
            user_id=user_id,
            conversation_id=conversation_id,
            text=text,
            asked_as=key,
            model=model,
            try_at=try_at or 0,
            created_at=utc_now(),
        )
        db.session.add(queued)
        add_files(user_id, conversation_id, queued.id, files)
        db.session.commit()
        return queued

    def ask_next(self, conversation_id: str) -> None:
        """Ask the conversation's next queued question, if it can be asked now and here.

        Whatever fails, the question stays queued, and is tried again by some worker.
        """
        if not self._can_ask:
            return
        try:
            with self._app.app_context():
                self._ask_next(conversation_id)
        except Exception as error:
            if not is_unavailable(error):
                log.exception("the next question of %s could not be asked", conversation_id)

    def ask_left(self) -> None:
        """Ask questions whose turn has come, and that no worker has asked."""
        if not self._can_ask:
            return
        with self._app.app_context():
            conversations = db.session.scalars(_LEFT).all()
        for conversation_id in conversations:
            self.ask_next(conversation_id)

    @property
    def _can_ask(self) -> bool:
        return not self._producer.is_closed and self._producer.room > 0 and self._log.up

    def _ask_next(self, conversation_id: str) -> None:
        queued = db.session.execute(_NEXT, {"conversation": conversation_id}).first()
        if queued is None or not queued.is_due:
            return
        user = db.session.get(User, queued.user_id)
        if user is None:
            return
        person = to_person(user)
        admission = load_admission(person.id, conversation_id)
        if admission.live_status is not None or admission.owner_id != person.id:
            db.session.rollback()
            return
        try:
            check_limits(admission, self._settings)
            self._starter.count_question(person.id)
        except TooMany as error:
            _postpone(conversation_id, queued.id, error)
            return
        if not count_changed(_TAKE.where(QueuedQuestion.id == queued.id)):
            # Removed, held by a stop, or asked by another worker.
            db.session.rollback()
            return
        if queued.model and queued.model != admission.model:
            sql.choose_model(conversation_id, queued.model)
        place = AnswerPlace(person, conversation_id, admission.last_position + 2)
        self._starter.start(place, queued.text, queued.asked_as, queued.model, queued.id)


def remove(queued: QueuedQuestion) -> None:
    """Take a question out of the queue, and commit. Raises NotFound if it has just been asked."""
    removed = count_changed(delete(QueuedQuestion).where(QueuedQuestion.id == queued.id))
    if removed:
        remove_files(queued.id)
    db.session.commit()
    if not removed:
        raise NotFound(later("That question has just been asked."))


def make_urgent(queued: QueuedQuestion) -> bool:
    """Let a question be the next one, whatever held it, and commit. False if it isn't queued any
    more."""
    first = update(QueuedQuestion).where(QueuedQuestion.id == queued.id)
    is_queued = count_changed(first.values(urgent=True, held=False, try_at=0, reason=None))
    db.session.commit()
    return bool(is_queued)


def _postpone(conversation_id: str, queued_id: str, error: TooMany) -> None:
    """Note why a question wasn't asked. It and those after it are tried again later."""
    db.session.rollback()
    waiting = update(QueuedQuestion).where(
        QueuedQuestion.conversation_id == conversation_id, QueuedQuestion.held.is_(False)
    )
    count_changed(waiting.values(try_at=epoch() + error.retry_after))
    refused = update(QueuedQuestion).where(QueuedQuestion.id == queued_id)
    count_changed(refused.values(reason=error.message))
    db.session.commit()
