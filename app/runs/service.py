"""A run's life: ask, produce, stop, finish.

A run is produced by a greenlet of its own whether or not anybody reads it; readers follow its
log (stream.py).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field

import gevent
from flask import Flask
from gevent.event import Event as Signal
from sqlalchemy import select, update

from app.agent.loop import Model, respond
from app.agent.messages import PastTurn
from app.agent.tool_calls import ApprovalPending
from app.config import Settings
from app.conversations import make_title
from app.db.connection import begin_read_only, is_unavailable
from app.db.models import Person, Run, User, db, new_id, to_person
from app.errors import Conflict, HomestreamError, NotFound, RunFailed, Unavailable, WorkerFull
from app.greenlets import run_in_greenlet
from app.runs import statements as run_rows
from app.runs.connections import Connections
from app.runs.event_log import EventLog
from app.runs.leases import Claimed, Leases
from app.runs.limits import admit, asked_as_of
from app.runs.prompt import Messages, messages_for
from app.runs.recorder import Ending, LeaseLost, Recorder, save_texts
from app.runs.replay import past_turns
from app.runs.supervisor import ending_of_claimed
from app.tools.approvals import RunApprovals
from app.tools.calls import UserTools
from app.tools.registry import ToolRegistry

log = logging.getLogger(__name__)

_STOP_WAIT = 5.0
_SAVE_SECONDS = 0.9
_TRY_AGAIN = 0.5
_SWEEP_SECONDS = 2.0


class Stopped(gevent.GreenletExit):
    """Raised inside a run that is to stop, wherever it waits, so that all it holds is let go."""


class Left(Stopped):
    """This process produces the run no longer: it ends, or another one has the lease."""


SUSPENDED = object()


@dataclass(slots=True)
class Active:
    """A run being produced: `worker` does it, and once it has ended, however, that is recorded;
    then it is `kept`."""

    recorder: Recorder
    worker: gevent.Greenlet[..., Ending | object]
    kept: Signal = field(default_factory=Signal)
    unread_since: float | None = field(default=None)


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose question is to be answered, and where the answer goes."""

    person: Person
    conversation_id: str
    position: int


class Runs:
    """The runs of this process."""

    def __init__(
        self,
        app: Flask,
        settings: Settings,
        event_log: EventLog,
        connections: Connections,
        model: Model,
        registry: ToolRegistry,
        leases: Leases,
    ) -> None:
        self._look = Signal()
        self._swept_at = 0.0
        self.leaving = False  # no run begins here any more
        self.beating = threading.Lock()  # held while the database is asked
        self._app = app
        self._settings = settings
        self._log = event_log
        self._connections = connections
        self._model = model
        self._registry = registry
        self._leases = leases
        self._active: dict[str, Active] = {}

    def check_room(self) -> None:
        """Before anything else is done for a question: one that can't be taken must cost next to
        nothing, or those whose answers are being written would pay for it. Raises Full."""
        if len(self._active) >= self._settings.max_runs_per_worker:
            raise WorkerFull(
                "So many answers are being written here that yours would only slow them all"
                " down: ask again in a moment."
            )

    def ask(
        self,
        person: Person,
        question: str,
        conversation_id: str | None = None,
        key: str | None = None,
    ) -> Run:
        """Store the question in the person's conversation, or a new one, with a run, and start it.
        Raises NotFound, Conflict and TooMany.

        The same question sent again with the same `key` is not asked again: its run is returned.
        """
        asked_as = asked_as_of(key, question)
        self._lock(person.id)
        counted = run_rows.counted(person.id, conversation_id or "", asked_as)
        if counted.known is not None:
            db.session.commit()
            return db.session.get_one(Run, counted.known)
        if conversation_id and counted.owner != person.id:
            raise NotFound("There is no such conversation.")
        # Before anything is written: a question that is refused leaves no transaction behind.
        admit(counted, self._settings)
        if counted.here == "waiting":
            raise Conflict("The last answer waits for your approval: decide, or stop it first.")
        if counted.here:
            raise Conflict("The last answer is still being written: wait for it, or stop it first.")
        if not conversation_id:
            conversation_id = run_rows.add_conversation(person.id, make_title(question))
        # Between the last answer and the one to come.
        asked = Asked(person, conversation_id, counted.last + 2)
        return self._start(asked, question, asked_as)

    def retry(self, person: Person, run: Run) -> Run:
        """Another run for the same question; the answer it had is put aside. Raises Conflict."""
        self._lock(person.id)
        counted = run_rows.counted(person.id, run.conversation_id)
        admit(counted, self._settings)
        if run.live or run.answer.superseded or run.status == "completed":
            raise Conflict("Only an answer that failed or was stopped can be tried again.")
        if run.answer.position != counted.last:
            raise Conflict("The conversation has gone on since: ask the question again instead.")
        run.answer.superseded = True
        return self._start(Asked(person, run.conversation_id, run.answer.position))

    def stop(self, run_id: str) -> None:
        """Stop a run, whoever produces it, and wait until its end is recorded (some seconds at
        most). A run that has ended stays as it is."""
        stop = update(Run).where(Run.id == run_id, Run.live)
        db.session.execute(stop.values(stop_asked=True, status=Run.queued_if_waiting()))
        db.session.commit()
        db.session.remove()
        self.look_now()
        active = self._active.get(run_id)
        if active is not None:
            active.worker.kill(Stopped, block=False)
        limit = time.monotonic() + _STOP_WAIT
        while _is_live(run_id) and time.monotonic() < limit:
            gevent.sleep(0.05)

    def hand_over(self) -> None:
        """Leave every run of this process to whoever takes it, for the end of the process."""
        active = list(self._active.values())
        for run in active:
            run.worker.kill(Left, block=False)
        gevent.wait([run.kept for run in active], timeout=_STOP_WAIT)

    def counts(self) -> dict[str, int]:
        return {"activeRuns": len(self._active), "maxRuns": self._settings.max_runs}

    def look_now(self) -> None:
        """Take queued runs at once, as after a decision, instead of at the next beat."""
        self._look.set()

    def beat_for_ever(self) -> None:
        """Renew this worker's leases, obey those who ask for a stop elsewhere, and take over what
        nobody holds any more."""
        while True:
            try:
                with self.beating:
                    self._beat()
            except Exception as error:
                self._leases.missed()
                if not is_unavailable(error):
                    log.exception("the leases could not be renewed")
            self._look.wait(min(0.5, self._leases.seconds / 6))
            self._look.clear()

    def save_for_ever(self) -> None:
        """Store, about once a second, the text so far of every run of this process."""
        while True:
            gevent.sleep(_SAVE_SECONDS)
            try:
                # Not while the leases are renewed: that locks the same rows in another order.
                with self.beating:
                    save_texts(self._app, [run.recorder for run in self._active.values()])
            except Exception as error:
                # The text is with the readers and here; it is stored a second later, or at the end.
                if not is_unavailable(error):
                    log.exception("the texts so far could not be stored")

    def _beat(self) -> None:
        # Taken before the question: a run that begins meanwhile isn't in the answer.
        active = dict(self._active)
        held = self._leases.renew()
        for run_id, run in active.items():
            lease = held.get(run_id)
            if lease is None or lease.attempt != run.recorder.attempt:
                run.worker.kill(Left, block=False)
            elif lease.stop_asked:
                run.worker.kill(Stopped, block=False)
        if not self.leaving:
            if time.monotonic() - self._swept_at > _SWEEP_SECONDS:
                self._leases.queue_expired()
                self._swept_at = time.monotonic()
            room = self._settings.max_runs_per_worker - len(self._active)
            for claimed in self._leases.claim(room):
                self._take_over(claimed)

    def _take_over(self, claimed: Claimed) -> None:
        with self._app.app_context():
            run = db.session.get_one(Run, claimed.run_id)
            recorder = Recorder(self._app, self._log, run)
            ending = ending_of_claimed(run, claimed)
            # One that ends here keeps every word that was written.
            past = past_turns(
                run,
                unfinished=ending is not None,
                started=ending is not None or not claimed.suspended,
            )
            person = to_person(db.session.get_one(User, run.user_id))
            asked = Asked(person, run.conversation_id, run.answer.position)
        self._spawn(recorder, asked, [], past, ending)

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
                    with self._app.app_context():
                        self.stop(run_id)

    def _lock(self, user_id: str) -> None:
        """The person's row stays locked until the transaction's end, so that of two questions at
        once, on whatever workers, the second sees the first. Raises Away when none can be taken."""
        if self.leaving or not self._log.up:
            raise Unavailable("Answers can't be written just now: try again in a moment.")
        run_rows.lock(user_id)

    def _start(self, asked: Asked, question: str | None = None, asked_as: str | None = None) -> Run:
        run = Run(
            id=new_id(),
            user_id=asked.person.id,
            idempotency_key=asked_as,
            conversation_id=asked.conversation_id,
            answer_id=new_id(),
            status="running",
            attempt=1,
        )
        leases = self._leases
        run_rows.add_run(run, asked.position, leases.worker, leases.seconds, question)
        messages = self._messages(asked, question)
        db.session.commit()
        self._spawn(Recorder(self._app, self._log, run), asked, [messages])
        return run

    def _spawn(
        self,
        recorder: Recorder,
        asked: Asked,
        at_hand: list[Messages],
        past: Sequence[PastTurn] | None = None,
        ending: Ending | None = None,
    ) -> None:
        worker = gevent.spawn(self._produce, recorder, asked, at_hand, past, ending)
        active = Active(recorder, worker)
        self._active[recorder.run_id] = active
        # The worker can be killed at any moment; what records its end must not be, so it is another
        # greenlet, which a link begins when it is needed: each costs memory while it waits.
        worker.link(lambda _: self._keep(active))

    def _keep(self, active: Active) -> None:
        recorder = active.recorder
        try:
            if isinstance(active.worker.value, Left):
                self._leave(recorder)
            elif active.worker.value is SUSPENDED:
                recorder.suspend()
            else:
                recorder.finish(_ending(active.worker.value))
        except LeaseLost:
            log.warning("run %s is another worker's now", recorder.run_id)
            self._log.drop(recorder.run_id)
        finally:
            if self._active.get(recorder.run_id) is active:
                del self._active[recorder.run_id]
            active.kept.set()

    def _leave(self, recorder: Recorder) -> None:
        try:
            recorder.leave()
            self._leases.release(recorder.run_id, recorder.attempt)
        except Exception:
            # The lease lapses by itself then.
            log.exception("run %s could not be handed over", recorder.run_id)
        self._log.drop(recorder.run_id)

    def _produce(
        self,
        recorder: Recorder,
        asked: Asked,
        at_hand: list[Messages],
        past: Sequence[PastTurn] | None,
        ending: Ending | None,
    ) -> Ending | object:
        limit = self._settings.run_timeout
        timeout = gevent.Timeout.start_new(limit)
        try:
            if past is not None:
                recorder.resume(past)
            if ending is not None:
                return ending
            tools = UserTools(
                self._registry,
                asked.person.id,
                RunApprovals(self._app, recorder.run_id, self._settings.approval_minutes),
                self._settings.approvals,
            )
            steps = respond(
                # Those that were read with the question, once.
                lambda: at_hand.pop() if at_hand else run_in_greenlet(self._messages_again, asked),
                self._model,
                tools,
                max_steps=self._settings.max_steps,
                past=past or (),
            )
            with closing(steps) as events:  # type: ignore[type-var]
                for event in events:
                    recorder.record(event)
            return Ending("completed")
        except ApprovalPending:
            return SUSPENDED
        except LeaseLost:
            raise Left from None
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

    def _messages(self, asked: Asked, question: str | None = None) -> Messages:
        """What to ask the model."""
        away = [service.name for service in self._registry.servers.values() if not service.up]
        budget = self._settings.history_tokens
        place = (asked.conversation_id, asked.position)
        return messages_for(asked.person, *place, budget, away, question)

    def _messages_again(self, asked: Asked) -> Messages:
        """The same, once it is not at hand. Waits while the database is away."""
        while True:
            try:
                with self._app.app_context():
                    begin_read_only()
                    return self._messages(asked)
            except Exception as error:
                if not is_unavailable(error):
                    raise
            gevent.sleep(_TRY_AGAIN)


def _ending(value: object) -> Ending:
    """How the run ended, by what its worker returned or was killed with."""
    return value if isinstance(value, Ending) else Ending("stopped")


def _is_live(run_id: str) -> bool:
    live = db.session.scalar(select(Run.id).where(Run.id == run_id, Run.live)) is not None
    db.session.remove()
    return live
