"""Looks after the runs of this worker, and takes over those that others left.

It keeps the leases, stores the texts so far, queues runs whose approvals expired, has queued
questions asked that were left, and stops runs that nobody reads. It knows nothing of the agent.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC

import gevent
from flask import Flask
from gevent.event import Event as Signal

from app.config import Settings
from app.db.connection import is_unavailable
from app.db.models import Run, User, db, to_person
from app.errors import RunFailed
from app.runs.active_run import AnswerPlace
from app.runs.connections import Connections
from app.runs.leases import Claimed, Leases
from app.runs.producer import Producer
from app.runs.question_queue import QuestionQueue
from app.runs.recorder import Ending, save_texts
from app.runs.replay import past_turns
from app.texts import later

log = logging.getLogger(__name__)

_LONGEST_BEAT = 0.5  # seconds between two looks at the leases
_SAVE_SECONDS = 0.9
_EXPIRY_SECONDS = 2.0
_MAX_TAKEOVERS = 2
_STALE_SECONDS = 3_600

_GIVEN_UP = Ending(
    "failed",
    RunFailed(
        later("The servers that wrote this answer failed one after the other."), code="interrupted"
    ),
)
_TOO_LATE = Ending(
    "failed",
    RunFailed(
        later("The server was stopped while this answer was being written."), code="interrupted"
    ),
)


class Supervisor:
    """What a serving process does for its runs all the time."""

    def __init__(
        self,
        app: Flask,
        settings: Settings,
        connections: Connections,
        producer: Producer,
        leases: Leases,
        queue: QuestionQueue,
    ) -> None:
        self.updating = threading.Lock()
        """Held while many of this worker's rows are updated: renewing the leases and storing texts
        lock the same rows, in different orders."""
        self._app = app
        self._connections = connections
        self._producer = producer
        self._leases = leases
        self._queue = queue
        self._abandoned_seconds = settings.abandoned_run_seconds
        self._woken = Signal()
        self._expired_at = 0.0
        self._unread_since: dict[str, float] = {}

    def loops(self) -> list[Callable[[], None]]:
        """Functions that never return, each for a greenlet of its own."""
        loops = [self._keep_leases, self._save_texts]
        if self._abandoned_seconds:
            loops.append(self._stop_abandoned)
        return loops

    def wake(self) -> None:
        """Look at once for runs that can go on, as after a decision."""
        self._woken.set()

    def _keep_leases(self) -> None:
        while True:
            try:
                with self.updating:
                    self._renew()
                    if not self._producer.is_closed:
                        self._claim()
            except Exception as error:
                self._leases.pause_takeovers()
                if not is_unavailable(error):
                    log.exception("the leases could not be renewed")
            self._woken.wait(min(_LONGEST_BEAT, self._leases.seconds / 6))
            self._woken.clear()

    def _renew(self) -> None:
        """Renew the leases, and end what was stopped elsewhere, or belongs to another worker."""
        # Copied first: a run that begins meanwhile is not among the leases.
        active = dict(self._producer.active)
        leases = self._leases.renew()
        for run_id, run in active.items():
            lease = leases.get(run_id)
            if lease is None or lease.attempt != run.recorder.attempt:
                self._producer.hand_over(run_id)
            elif lease.stop_asked:
                self._producer.stop(run_id)

    def _claim(self) -> None:
        if time.monotonic() - self._expired_at > _EXPIRY_SECONDS:
            self._leases.queue_expired()
            self._queue.ask_left()
            self._expired_at = time.monotonic()
        for claimed in self._leases.claim(self._producer.room):
            with self._app.app_context():
                self._resume(claimed)

    def _resume(self, claimed: Claimed) -> None:
        run = db.session.get(Run, claimed.run_id)
        user = db.session.get(User, run.user_id) if run else None
        if run is None or user is None:
            # Deleted since it was taken. Others that were taken with it go on.
            return
        place = AnswerPlace(to_person(user), run.conversation_id, run.answer.position)
        ending = _ending_of(run, claimed)
        past = past_turns(
            run,
            # What ends here keeps every word that was written.
            unfinished=ending is not None,
            started=ending is not None or not claimed.suspended,
        )
        self._producer.resume(run, place, past, ending)

    def _save_texts(self) -> None:
        while True:
            gevent.sleep(_SAVE_SECONDS)
            try:
                with self.updating:
                    recorders = [run.recorder for run in self._producer.active.values()]
                    save_texts(self._app, recorders)
            except Exception as error:
                # Readers have the text, and it is stored a second later, or at the end.
                if not is_unavailable(error):
                    log.exception("the texts so far could not be stored")

    def _stop_abandoned(self) -> None:
        """Stop the runs that nobody has read for `abandoned_run_seconds`."""
        while True:
            gevent.sleep(min(1.0, self._abandoned_seconds / 4))
            at = time.monotonic()
            unread = [id for id in list(self._producer.active) if not self._connections.readers(id)]
            self._unread_since = {id: self._unread_since.get(id, at) for id in unread}
            for run_id, since in self._unread_since.items():
                if at - since >= self._abandoned_seconds:
                    self._producer.stop(run_id)


def _ending_of(run: Run, claimed: Claimed) -> Ending | None:
    """How a run ends that was taken from another worker; None if it is to go on."""
    if run.stop_asked:
        return Ending("stopped")
    if claimed.suspended:
        return None
    if run.takeovers > _MAX_TAKEOVERS:
        return _GIVEN_UP
    left_at = claimed.left_at or run.created_at.replace(tzinfo=UTC).timestamp()
    return _TOO_LATE if time.time() - left_at > _STALE_SECONDS else None
