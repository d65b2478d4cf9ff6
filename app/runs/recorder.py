"""Writes one run down: every event to its log, and to the database what has to last.

It knows nothing of the agent and its model, nor of readers.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from math import inf
from typing import Any

from flask import Flask
from sqlalchemy import delete

from app.agent.events import (
    Content,
    Done,
    Event,
    Failed,
    Outcome,
    RunStarted,
    Thinking,
    ToolCallUpdate,
)
from app.agent.messages import PastTurn, Turn, parse_arguments
from app.agent.usage import Usage
from app.db.connection import retry_while_unavailable
from app.db.models import REFUSED, Run, Step, ToolCall, db, utc_now
from app.errors import HomestreamError, RunFailed
from app.grounding.figure import Figure
from app.runs import sql
from app.runs.event_log import EventLog
from app.runs.figures import figures_of
from app.runs.replay import BETWEEN_STEPS, past_events
from app.runs.sql import TextSoFar
from app.texts import later

log = logging.getLogger(__name__)

_END_PATIENCE = 60.0  # seconds that the end of an answer waits for a database that is away
_FAILED = "The answer before it failed."
_NO_RESULT = "It was stopped before it had a result."


@dataclass(frozen=True)
class Ending:
    """How a run ended."""

    outcome: Outcome
    error: HomestreamError | None = None


_NOT_STORED = Ending(
    "failed",
    RunFailed(
        later("The answer could not be stored. Copy what you need of it."), code="not_stored"
    ),
)


class LeaseLost(Exception):
    """Another worker has the run, so nothing more of it is stored or sent from here."""


class Recorder:
    """The record of one attempt at a run. Text goes to the log as it comes, and to the database by
    `save_texts`. Whatever stores something raises LeaseLost once another worker has the run."""

    def __init__(
        self, app: Flask, log: EventLog, run: Run, *, looks_up_figures: bool = True
    ) -> None:
        self.run_id = run.id
        self.attempt = run.attempt
        self._message_id = run.answer_id
        self._looks_up_figures = looks_up_figures
        self._figures: tuple[Figure, ...] = ()
        self._asked_at = self._ended_at = run.created_at
        self._app = app
        self._log = log
        self._saved_seq = 0
        self._may_have_calls = run.attempt > 1
        self._is_complete = False  # the current step is the last one, and has ended
        self._models: list[str] = []  # that wrote the steps that have ended
        self._texts: list[str] = []  # of the steps before the current one
        self._has_text = False  # the current step
        self._thinking: Thinking | None = None  # before the current step's text
        self._usage = Usage.from_json(run.usage) if run.usage else None
        self._started: dict[str, ToolCallUpdate] = {}
        log.open(run.id, run.attempt)
        self._seq = log.append(run.id, [RunStarted(run.id, run.conversation_id)])
        self._step_after = self._seq

    def resume(self, past: Iterable[PastTurn]) -> None:
        """Go on after the turns of earlier attempts. Readers get these again, in place of what they
        have; what was stored beyond them is deleted."""
        past = list(past)
        self._texts = [turn.text for turn, _ in past]
        self._models = [turn.model for turn, _ in past]
        self._started = {
            call.id: call
            for _, calls in past
            for call in calls.values()
            if call.status == "started"
        }
        beyond = delete(Step).where(Step.run_id == self.run_id, Step.number > len(past))
        self._store(lambda: db.session.execute(beyond))
        self._append(past_events(past))
        self._step_after = self._seq

    def record(self, event: Event | Turn) -> None:
        """Take in what the agent yields."""
        if isinstance(event, Content):
            self._add_text(event)
            return
        if isinstance(event, Turn):
            self._end_step(event)
            return
        if isinstance(event, ToolCallUpdate):
            self._record_call(event)
        elif isinstance(event, Thinking) and event.thoughts:
            self._thinking = event
        self._append([event])

    def unsaved_text(self) -> TextSoFar | None:
        """The text of the current step; None if it is stored."""
        if not self._has_text or self._saved_seq == self._seq:
            return None
        return TextSoFar(self.run_id, self.attempt, self._seq, len(self._texts) + 1, self._text)

    def note_saved(self, text: TextSoFar) -> None:
        self._saved_seq = text.seq

    def suspend(self) -> None:
        """Let the run wait for its person. The next attempt begins with the stored steps."""
        self._store(lambda: sql.suspend(self.run_id, self.attempt))
        self._log.suspend(self.run_id)

    def finish(self, ending: Ending) -> None:
        """Store how the run ended, then send it to the readers."""
        if self._looks_up_figures:
            texts = filter(None, (*self._texts, self._text))
            self._figures = figures_of(self._app, self._message_id, BETWEEN_STEPS.join(texts))
        self._ended_at = utc_now()
        try:
            self._transact(lambda: self._save_ending(ending), _END_PATIENCE)
        except LeaseLost:
            raise
        except Exception:
            # Whatever it was, the readers must not wait for an end that never comes.
            log.exception("the end of run %s could not be stored", self.run_id)
            ending = _NOT_STORED
        last: list[Event] = [
            replace(call, status="failed", error=_NO_RESULT, progress=None)
            for call in self._started.values()
        ]
        if ending.error is not None:
            error = ending.error
            last.append(Failed(error.code, error.message, error.retryable, error.detail))
        last.append(self._done(ending.outcome))
        self._append(last)

    def _done(self, outcome: Outcome) -> Done:
        models = tuple(dict.fromkeys(filter(None, self._models)))
        seconds = (self._ended_at - self._asked_at).total_seconds()
        return Done(outcome, self._message_id, self._usage, self._figures, models, seconds)

    def _append(self, events: list[Event]) -> None:
        self._seq = self._log.append(self.run_id, events)

    def _add_text(self, event: Content) -> None:
        if not self._has_text and any(self._texts):
            event = Content(f"{BETWEEN_STEPS}{event.chunk}")
        self._append([event])
        self._has_text = True

    @property
    def _text(self) -> str:
        """The text of the current step, from the log: a copy here would double the memory."""
        text = self._log.text(self.run_id, self._step_after)
        return text.removeprefix(BETWEEN_STEPS) if any(self._texts) else text

    def _store(self, work: Callable[[], Any]) -> None:
        """Do `work` in a transaction of this attempt, however long the database is away."""

        def lock_and_work() -> None:
            self._lock()
            work()

        self._transact(lock_and_work)

    def _transact(self, work: Callable[[], Any], patience: float = inf) -> None:
        """Do `work` and commit, again if the database is away, for up to `patience` seconds."""

        def commit() -> None:
            with self._app.app_context():
                work()
                db.session.commit()

        retry_while_unavailable(commit, patience)

    def _lock(self) -> None:
        """Keep the row for this attempt until the transaction's end."""
        if not sql.lock_attempt(self.run_id, self.attempt, self._seq, self._usage):
            raise LeaseLost(self.run_id)

    def _end_step(self, turn: Turn) -> None:
        """Store the turn and its calls, before any of them is made. A turn without calls ends the
        run, and is stored with its end."""
        if turn.usage is not None:
            self._usage = turn.usage + (self._usage or Usage())
        self._models.append(turn.model)
        if turn.calls:
            self._store(lambda: self._save_step(turn))
            self._may_have_calls = True
            self._texts.append(self._text)
            self._has_text, self._step_after, self._thinking = False, self._seq, None
        else:
            self._is_complete = True

    def _save_step(self, turn: Turn) -> None:
        number = len(self._texts) + 1
        sql.save_step(
            self.run_id,
            self.attempt,
            number,
            self._text,
            finished=True,
            model=turn.model,
            thinking=self._thinking,
        )
        for position, call in enumerate(turn.calls, 1):
            db.session.merge(
                ToolCall(
                    id=call.id,
                    run_id=self.run_id,
                    step_number=number,
                    position=position,
                    name=call.name,
                    arguments=call.arguments,
                )
            )

    def _record_call(self, call: ToolCallUpdate) -> None:
        if call.status == "started":
            self._started[call.id] = call
        else:
            self._store(lambda: _save_call(call))
            self._started.pop(call.id, None)

    def _save_ending(self, ending: Ending) -> None:
        # First the run's end, since that locks the row for this attempt.
        if not sql.end(
            self.run_id,
            self.attempt,
            self._seq,
            self._usage,
            ending.outcome,
            ending.error,
            self._ended_at,
            self._figures,
        ):
            raise LeaseLost(self.run_id)
        if ending.outcome in ("stopped", "failed"):
            sql.hold_queue(self.run_id, _FAILED if ending.outcome == "failed" else None)
        texts = [*self._texts, self._text]
        if texts[-1] or self._is_complete or self._thinking:
            sql.save_step(
                self.run_id,
                self.attempt,
                len(texts),
                texts[-1],
                finished=self._is_complete,
                model=self._models[-1] if self._is_complete else None,
                live=False,
                thinking=self._thinking,
            )
        if self._may_have_calls:
            sql.end_calls(self.run_id, _NO_RESULT)
        sql.save_answer(self._message_id, BETWEEN_STEPS.join(filter(None, texts)))


def _save_call(end: ToolCallUpdate) -> None:
    call = db.session.get_one(ToolCall, end.id)
    call.status = REFUSED if end.refused else end.status
    call.error, call.duration_ms = end.error, end.duration_ms
    call.result = end.result
    call.display = [asdict(part) for part in end.display] or None
    if end.arguments != (parse_arguments(call.arguments) or {}):
        call.changed = end.arguments


def save_texts(app: Flask, recorders: Iterable[Recorder]) -> None:
    """Store the texts so far of many runs in one transaction: one for each would keep a worker
    with many runs busy."""
    unsaved = [(recorder, text) for recorder in recorders if (text := recorder.unsaved_text())]
    if not unsaved:
        return
    with app.app_context():
        sql.save_texts([text for _, text in unsaved])
        db.session.commit()
    for recorder, text in unsaved:
        recorder.note_saved(text)
