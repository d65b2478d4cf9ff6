"""Writes one run down: every event to its log, and what must last to the database."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from dataclasses import dataclass, replace

import gevent
from flask import Flask
from sqlalchemy import update

from app.errors import HomestreamError, RunFailed
from app.event_log import EventLog
from app.events import Content, Done, Event, Failed, Outcome, RunStarted, ToolCalled, Turn
from app.models import Conversation, Message, Run, Step, ToolCall, db, now

log = logging.getLogger(__name__)

_SAVE_INTERVAL = 1.0


@dataclass(frozen=True)
class Ending:
    outcome: Outcome
    error: HomestreamError | None = None


NO_RESULT = "It was stopped before it had a result."
NOT_STORED = Ending(
    "failed",
    RunFailed("The answer could not be stored: copy what you need of it.", code="not_stored"),
)


class Recorder:
    """One run's record. Text goes to the log in one event for what came within `flush_interval`
    seconds (the first at once), and to the database at least once a second.
    """

    def __init__(self, app: Flask, log: EventLog, run: Run, flush_interval: float) -> None:
        self.run_id = run.id
        self._message_id = run.answer_id
        self._conversation_id = run.conversation_id
        self._app = app
        self._log = log
        self._interval = flush_interval
        self._lock = threading.RLock()
        self._timer: gevent.Greenlet[..., None] | None = None
        self._pending: list[str] = []
        self._flushed_at = 0.0
        self._saved_at = time.monotonic()
        self._texts: list[str] = []  # of the steps that have ended
        self._text: list[str] = []  # of the step in hand
        self._usage: Counter[str] = Counter()
        self._started: dict[str, ToolCalled] = {}
        log.append(run.id, [RunStarted(run.id, run.conversation_id)])

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
        self._log.append(self.run_id, [event])

    def flush(self) -> None:
        """Send what is pending to the log, and the text so far to the database when it is time."""
        with self._lock:
            seq = self._send()
            if seq and self._flushed_at - self._saved_at >= _SAVE_INTERVAL:
                self._save_text(seq)

    def finish(self, ending: Ending) -> None:
        """Store how the run ended, then tell the readers."""
        if self._timer is not None:
            self._timer.kill()
        self._send()
        try:
            self._save_ending(ending)
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
        self._log.append(self.run_id, last)

    def _send(self) -> int:
        """What is pending to the log; its seq there, 0 if nothing was."""
        with self._lock:
            if not self._pending:
                return 0
            text, self._pending = "".join(self._pending), []
            self._flushed_at = time.monotonic()
            return self._log.append(self.run_id, [Content(text)])

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

    def _save_text(self, seq: int) -> None:
        self._saved_at = time.monotonic()
        with self._app.app_context():
            db.session.merge(self._step())
            db.session.execute(update(Run).where(Run.id == self.run_id).values(seq=seq))
            db.session.commit()

    def _step(self) -> Step:
        return Step(run_id=self.run_id, number=len(self._texts) + 1, text="".join(self._text))

    def _end_step(self, turn: Turn) -> None:
        """Store the turn and the calls it asks for, before any of them is made."""
        with self._lock, self._app.app_context():
            step = db.session.merge(self._step())
            db.session.add_all(
                ToolCall(
                    id=call.id,
                    run_id=self.run_id,
                    step_number=step.number,
                    position=position,
                    name=call.name,
                    arguments=call.arguments,
                )
                for position, call in enumerate(turn.calls, 1)
            )
            db.session.commit()
            self._texts.append("".join(self._text))
            self._text = []
        self._usage.update(turn.usage or {})

    def _note_call(self, call: ToolCalled) -> None:
        if call.status == "started":
            self._started[call.id] = call
        else:
            self._save_call(call)
            del self._started[call.id]

    def _save_call(self, end: ToolCalled) -> None:
        with self._app.app_context():
            db.session.execute(
                update(ToolCall)
                .where(ToolCall.id == end.id)
                .values(
                    status=end.status,
                    result=end.result,
                    error=end.error,
                    duration_ms=end.duration_ms,
                )
            )
            db.session.commit()

    def _save_ending(self, ending: Ending) -> None:
        with self._lock, self._app.app_context():
            if self._text:
                db.session.merge(self._step())
                self._texts.append("".join(self._text))
            end_run(self.run_id, ending, dict(self._usage) or None)
            db.session.execute(
                update(Message)
                .where(Message.id == self._message_id)
                .values(content="\n\n".join(filter(None, self._texts)))
            )
            db.session.execute(
                update(Conversation)
                .where(Conversation.id == self._conversation_id)
                .values(updated_at=now())
            )
            db.session.commit()


def end_run(run_id: str, ending: Ending, usage: dict[str, int] | None = None) -> None:
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
            usage=usage,
            finished_at=now(),
        )
    )
    db.session.execute(
        update(ToolCall)
        .where(ToolCall.run_id == run_id, ToolCall.status == "started")
        .values(status="failed", error=NO_RESULT)
    )
