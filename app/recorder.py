"""Writes one run down: every event to its log, and what must last to the database."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

import gevent
from flask import Flask
from sqlalchemy import delete, update

from app.agent import parsed
from app.approvals import close_all
from app.database import is_away
from app.errors import HomestreamError, RunFailed
from app.event_log import EventLog
from app.events import Content, Done, Event, Failed, Outcome, Past, RunStarted, ToolCalled, Turn
from app.leases import LIVE
from app.models import Conversation, Message, Run, Step, ToolCall, db, now

log = logging.getLogger(__name__)

_SAVE_INTERVAL = 1.0
_TRY_AGAIN = 0.5
_END_PATIENCE = 60.0  # seconds that an answer's end waits for a database that is away


@dataclass(frozen=True)
class Ending:
    outcome: Outcome
    error: HomestreamError | None = None


NO_RESULT = "It was stopped before it had a result."
NOT_STORED = Ending(
    "failed",
    RunFailed("The answer could not be stored: copy what you need of it.", code="not_stored"),
)


class LeaseLost(Exception):
    """Another worker has the run: nothing more of it is stored or told from here."""


class Recorder:
    """One run's record. Text goes to the log in one event for what came within `flush_interval`
    seconds (the first at once), and to the database at least once a second.

    What is stored is stored for the run's `attempt` alone: LeaseLost once another worker has it.
    """

    def __init__(self, app: Flask, log: EventLog, run: Run, flush_interval: float) -> None:
        self.run_id = run.id
        self.attempt = run.attempt
        self._message_id = run.answer_id
        self._conversation_id = run.conversation_id
        self._app = app
        self._log = log
        self._interval = flush_interval
        self._lock = threading.RLock()
        self._storing = threading.RLock()
        self._timer: gevent.Greenlet[..., None] | None = None
        self._saver: gevent.Greenlet[..., None] | None = None
        self._pending: list[str] = []
        self._flushed_at = 0.0
        self._saved_at = time.monotonic()
        self._texts: list[str] = []  # of the steps that have ended
        self._text: list[str] = []  # of the step in hand
        self._usage: Counter[str] = Counter(run.usage or {})
        self._started: dict[str, ToolCalled] = {}
        log.open(run.id, run.attempt)
        self._seq = log.append(run.id, [RunStarted(run.id, run.conversation_id)])

    def resume(self, past: Iterable[Past]) -> None:
        """Go on after these steps of an earlier attempt: readers are told them anew, in place of
        what they have. What that attempt wrote beyond them goes."""
        past = list(past)
        self._texts = [turn.text for turn, _ in past]
        self._started = {
            call.id: call
            for _, calls in past
            for call in calls.values()
            if call.status == "started"
        }
        self.store(
            lambda: db.session.execute(
                delete(Step).where(Step.run_id == self.run_id, Step.number > len(past))
            )
        )
        self._tell(retold(past))

    def record(self, event: Event | Turn) -> None:
        if isinstance(event, Content):
            self._take(event.chunk)
            return
        self.flush()
        if isinstance(event, Turn):
            self._end_step(event)
            return
        if isinstance(event, ToolCalled):
            self._note_call(event)
        self._tell([event])

    def flush(self) -> None:
        """Send what is pending to the log, and the text so far to the database when it is time."""
        self._send()
        idle = self._saver is None or self._saver.dead
        if idle and self._flushed_at - self._saved_at >= _SAVE_INTERVAL:
            # In a greenlet of its own: no reader waits for the database.
            self._saver = gevent.spawn(self._save_text)

    def finish(self, ending: Ending) -> None:
        """Store how the run ended, then tell the readers. Raises LeaseLost."""
        self._settle()
        try:
            self.store(lambda: self._save_ending(ending), patience=_END_PATIENCE)
        except LeaseLost:
            raise
        except Exception:
            # Whatever it was, the readers must not wait for an end that never comes.
            log.exception("the end of run %s could not be stored", self.run_id)
            ending = NOT_STORED
        last: list[Event] = [
            replace(call, status="failed", error=NO_RESULT) for call in self._started.values()
        ]
        if ending.error is not None:
            error = ending.error
            last.append(Failed(error.code, error.message, error.retryable))
        last.append(Done(ending.outcome, self._message_id, dict(self._usage) or None))
        self._tell(last)

    def leave(self) -> None:
        """Send and store what there is, for the worker that goes on."""
        self._settle()
        self._save_text()

    def _settle(self) -> None:
        if self._timer is not None:
            self._timer.kill()
        if self._saver is not None:
            self._saver.join()
        self._send()

    def _tell(self, events: list[Event]) -> None:
        with self._lock:
            self._seq = self._log.append(self.run_id, events)

    def _send(self) -> None:
        """What is pending to the log."""
        with self._lock:
            if self._pending:
                text, self._pending = "".join(self._pending), []
                self._flushed_at = time.monotonic()
                self._tell([Content(text)])

    def _take(self, chunk: str) -> None:
        with self._lock:
            if not self._text and any(self._texts):
                self._pending.append("\n\n")
            self._text.append(chunk)
            self._pending.append(chunk)
        wait = self._flushed_at + self._interval - time.monotonic()
        if wait <= 0:
            self.flush()
        elif self._timer is None or self._timer.dead:
            self._timer = gevent.spawn_later(wait, self.flush)

    def store(self, work: Callable[[], Any], patience: float | None = None) -> None:
        """Do `work` in a transaction of this attempt, again while the database is away: for
        `patience` seconds, or for as long as the run may take."""
        limit = None if patience is None else time.monotonic() + patience
        while True:
            try:
                with self._storing, self._app.app_context():
                    self._claim_row()
                    work()
                    db.session.commit()
                    return
            except Exception as error:
                if not is_away(error) or (limit is not None and time.monotonic() > limit):
                    raise
            gevent.sleep(_TRY_AGAIN)

    def _claim_row(self) -> None:
        """The row stays locked until the transaction's end, so no other worker gets between."""
        found = db.session.execute(
            update(Run)
            .where(Run.id == self.run_id, Run.attempt == self.attempt, LIVE)
            .values(seq=self._seq, usage=dict(self._usage) or None)
        )
        if not found.rowcount:  # type: ignore[attr-defined]
            raise LeaseLost(self.run_id)

    def _save_text(self) -> None:
        with self._storing:
            self._saved_at = time.monotonic()
            try:
                with self._app.app_context():
                    with self._lock:
                        self._send()
                        step = self._step() if self._text else None
                        seq = self._seq
                    if step is not None:
                        self._claim_row()
                        db.session.merge(step)
                        db.session.execute(update(Run).where(Run.id == self.run_id).values(seq=seq))
                        db.session.commit()
            except LeaseLost:
                return  # the next beat of the leases ends the run here
            except Exception as error:
                # The text is with the readers and here; it is stored a second later, or at the end.
                if not is_away(error):
                    log.exception("the text of run %s could not be stored", self.run_id)

    def _step(self, *, finished: bool = False) -> Step:
        return Step(
            run_id=self.run_id,
            number=len(self._texts) + 1,
            text="".join(self._text),
            finished=finished,
        )

    def _end_step(self, turn: Turn) -> None:
        """Store the turn and the calls it asks for, before any of them is made."""
        self._usage.update(turn.usage or {})
        self.store(lambda: self._save_step(turn))
        with self._lock:
            self._texts.append("".join(self._text))
            self._text = []

    def _save_step(self, turn: Turn) -> None:
        step = db.session.merge(self._step(finished=True))
        for position, call in enumerate(turn.calls, 1):
            db.session.merge(
                ToolCall(
                    id=call.id,
                    run_id=self.run_id,
                    step_number=step.number,
                    position=position,
                    name=call.name,
                    arguments=call.arguments,
                )
            )

    def _note_call(self, call: ToolCalled) -> None:
        if call.status == "started":
            self._started[call.id] = call
        else:
            self.store(lambda: _save_call(call))
            del self._started[call.id]

    def _save_ending(self, ending: Ending) -> None:
        texts = list(self._texts)
        if self._text:
            db.session.merge(self._step())
            texts.append("".join(self._text))
        end_run(self.run_id, ending)
        db.session.execute(
            update(Message)
            .where(Message.id == self._message_id)
            .values(content="\n\n".join(filter(None, texts)))
        )
        db.session.execute(
            update(Conversation)
            .where(Conversation.id == self._conversation_id)
            .values(updated_at=now())
        )


def retold(past: Iterable[Past]) -> list[Event]:
    """Finished steps as events, of which the first text replaces all that a reader may have."""
    events: list[Event] = [Content("", replace=True)]
    written = False
    for turn, calls in past:
        if turn.text:
            events.append(Content(f"\n\n{turn.text}" if written else turn.text))
            written = True
        events += calls.values()
    return events


def _save_call(end: ToolCalled) -> None:
    call = db.session.get_one(ToolCall, end.id)
    call.status, call.error, call.duration_ms = end.status, end.error, end.duration_ms
    call.result = end.result
    call.shown = [asdict(one) for one in end.shown] or None
    if end.arguments != (parsed(call.arguments) or {}):
        call.changed = end.arguments


def end_run(run_id: str, ending: Ending) -> None:
    """Set how a run ended, in the current transaction. Calls without a result have failed."""
    error = ending.error
    db.session.execute(
        update(Run)
        .where(Run.id == run_id)
        .values(
            status=ending.outcome,
            error_code=error and error.code,
            error_message=error and error.message,
            retryable=bool(error and error.retryable),
            finished_at=now(),
        )
    )
    db.session.execute(
        update(ToolCall)
        .where(ToolCall.run_id == run_id, ToolCall.status == "started")
        .values(status="failed", error=NO_RESULT)
    )
    close_all(run_id)
