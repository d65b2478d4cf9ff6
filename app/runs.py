"""A run's life: ask, produce, stop, finish.

A run is produced by a greenlet of its own whether or not anybody reads it; readers follow its
log (stream.py).
"""

from __future__ import annotations

import logging
from contextlib import closing
from dataclasses import dataclass, field

import gevent
from flask import Flask
from sqlalchemy import func, select

from app.agent import Model, respond
from app.config import Settings
from app.connections import Connections
from app.errors import Conflict, HomestreamError, RunFailed, TooMany
from app.event_log import EventLog
from app.history import messages_for
from app.models import Conversation, Message, Run, db, now
from app.recorder import Ending, Recorder, end_run
from app.tools import Catalogue, UserTools

log = logging.getLogger(__name__)

_STOP_WAIT = 5.0


class Stopped(gevent.GreenletExit):
    """Raised inside a run that is to stop, wherever it waits, so that all it holds is let go."""


class Interrupted(Stopped):
    """The process that produces the run is ending."""


_INTERRUPTED = Ending(
    "failed",
    RunFailed("The server was restarted while this answer was being written.", code="interrupted"),
)


@dataclass
class Active:
    """A run being produced: `worker` does it, `keeper` sees that its end is recorded."""

    user_id: str
    worker: gevent.Greenlet[..., Ending]
    keeper: gevent.Greenlet[..., None] | None = None
    unread_since: float | None = field(default=None)


class Runs:
    """The runs of this process."""

    def __init__(
        self,
        app: Flask,
        settings: Settings,
        event_log: EventLog,
        connections: Connections,
        model: Model,
        catalogue: Catalogue,
    ) -> None:
        self._app = app
        self._settings = settings
        self._log = event_log
        self._connections = connections
        self._model = model
        self._catalogue = catalogue
        self._active: dict[str, Active] = {}

    def ask(self, user_id: str, conversation: Conversation, question: str) -> Run:
        """Store the question with a queued run and start it. Raises Conflict and TooMany."""
        self._admit(user_id)
        if conversation.id is not None:
            _refuse_second(conversation.id)
        db.session.add(conversation)
        db.session.flush()
        position = _last_position(conversation.id) + 1
        conversation.updated_at = now()
        db.session.add(
            Message(
                conversation_id=conversation.id, position=position, role="user", content=question
            )
        )
        return self._start(user_id, conversation.id, position + 1)

    def retry(self, run: Run) -> Run:
        """Another run for the same question; the answer it had is put aside. Raises Conflict."""
        self._admit(run.user_id)
        if run.live or run.answer.superseded or run.status == "completed":
            raise Conflict("Only an answer that failed or was stopped can be tried again.")
        if run.answer.position != _last_position(run.conversation_id):
            raise Conflict("The conversation has gone on since: ask the question again instead.")
        run.answer.superseded = True
        return self._start(run.user_id, run.conversation_id, run.answer.position)

    def stop(self, run_id: str) -> None:
        """Stop a run and wait until its end is recorded. A run that has ended stays as it is."""
        active = self._active.get(run_id)
        if active is not None and active.keeper is not None:
            active.worker.kill(Stopped, block=False)
            active.keeper.join(_STOP_WAIT)

    def interrupt(self) -> None:
        """End every run of this process, for the end of the process itself."""
        active = list(self._active.values())
        for run in active:
            run.worker.kill(Interrupted, block=False)
        gevent.joinall([run.keeper for run in active if run.keeper], timeout=_STOP_WAIT)

    def counts(self) -> dict[str, int]:
        return {"activeRuns": len(self._active), "maxRuns": self._settings.max_runs}

    def recover(self) -> int:
        """End the runs that a process left when it died; how many. For the start of a process."""
        with self._app.app_context():
            left = db.session.scalars(
                select(Run).where(Run.status.in_(("queued", "running")))
            ).all()
            for run in left:
                run.answer.content = "\n\n".join(step.text for step in run.steps if step.text)
                end_run(run.id, _INTERRUPTED)
            db.session.commit()
            return len(left)

    def stop_abandoned(self) -> None:
        """For ever: stop the runs that nobody has read for `abandoned_run_seconds`."""
        limit = self._settings.abandoned_run_seconds
        while True:
            gevent.sleep(min(1.0, limit / 4))
            at = gevent.get_hub().loop.now()
            for run_id, active in list(self._active.items()):
                if self._connections.readers(run_id):
                    active.unread_since = None
                elif active.unread_since is None:
                    active.unread_since = at
                elif at - active.unread_since >= limit:
                    self.stop(run_id)

    def _admit(self, user_id: str) -> None:
        own = sum(active.user_id == user_id for active in self._active.values())
        if own >= self._settings.max_runs_per_user:
            raise TooMany(
                f"You have {own} answers being written: wait for one, or stop it.",
                code="too_many_runs",
                own=True,
            )
        if len(self._active) >= self._settings.max_runs:
            raise TooMany(
                "Too many answers are being written just now: try again in a moment.",
                code="too_many_runs",
                own=False,
            )

    def _start(self, user_id: str, conversation_id: str, position: int) -> Run:
        answer = Message(conversation_id=conversation_id, position=position, role="assistant")
        run = Run(user_id=user_id, conversation_id=conversation_id, answer=answer)
        db.session.add(run)
        db.session.commit()
        recorder = Recorder(self._app, self._log, run, self._settings.flush_interval)
        worker = gevent.spawn(self._produce, recorder, user_id)
        self._active[run.id] = Active(user_id, worker)
        self._active[run.id].keeper = gevent.spawn(self._keep, recorder, worker)
        return run

    def _keep(self, recorder: Recorder, worker: gevent.Greenlet[..., Ending]) -> None:
        # The worker can be killed at any moment; what records its end must not be.
        try:
            worker.join()
            recorder.finish(_ending(worker.value))
        finally:
            del self._active[recorder.run_id]

    def _produce(self, recorder: Recorder, user_id: str) -> Ending:
        limit = self._settings.run_timeout
        timeout = gevent.Timeout.start_new(limit)
        try:
            messages = self._begin(recorder.run_id)
            tools = UserTools(self._catalogue, user_id)
            steps = respond(messages, self._model, tools, max_steps=self._settings.max_steps)
            with closing(steps) as events:  # type: ignore[type-var]
                for event in events:
                    recorder.record(event)
            return Ending("completed")
        except HomestreamError as error:
            return Ending("failed", error)
        except gevent.Timeout as caught:
            if caught is not timeout:
                raise
            message = f"The answer took over {limit:g} seconds and was ended."
            return Ending("failed", RunFailed(message, code="run_timeout"))
        except Exception:
            log.exception("run %s failed", recorder.run_id)
            return Ending("failed", RunFailed("Something went wrong here.", code="internal"))
        finally:
            timeout.close()

    def _begin(self, run_id: str) -> list[dict[str, object]]:
        away = [service.name for service in self._catalogue.services.values() if not service.up]
        with self._app.app_context():
            run = db.session.get_one(Run, run_id)
            messages = messages_for(run, self._settings.history_tokens, away)
            run.status = "running"
            db.session.commit()
            return messages


def _ending(value: object) -> Ending:
    """How the run ended, by what its worker returned or was killed with."""
    if isinstance(value, Ending):
        return value
    return _INTERRUPTED if isinstance(value, Interrupted) else Ending("stopped")


def _last_position(conversation_id: str) -> int:
    query = select(func.max(Message.position)).where(Message.conversation_id == conversation_id)
    return db.session.scalar(query) or 0


def _refuse_second(conversation_id: str) -> None:
    live = select(Run.id).where(
        Run.conversation_id == conversation_id, Run.status.in_(("queued", "running"))
    )
    if db.session.scalar(live.limit(1)):
        raise Conflict("The last answer is still being written: wait for it, or stop it first.")
