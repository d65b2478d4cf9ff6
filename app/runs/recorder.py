"""Writes one run down: every event to its log, and what must last to the database."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

import gevent
from flask import Flask
from sqlalchemy import delete

from app.agent.events import Content, Done, Event, Failed, Outcome, RunStarted, ToolCallUpdate
from app.agent.messages import PastTurn, Turn, parse_arguments
from app.agent.usage import Usage
from app.db.connection import is_unavailable
from app.db.models import Run, Step, ToolCall, db
from app.errors import HomestreamError, RunFailed
from app.runs import statements as run_rows
from app.runs.event_log import EventLog
from app.runs.replay import BETWEEN_STEPS, past_events

log = logging.getLogger(__name__)

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
    """One run's record. Text goes to the log as it comes, and to the database by `save_texts`.

    What is stored is stored for the run's `attempt` alone: LeaseLost once another worker has it.
    """

    def __init__(self, app: Flask, log: EventLog, run: Run) -> None:
        self.run_id = run.id
        self.attempt = run.attempt
        self._message_id = run.answer_id
        self._app = app
        self._log = log
        self._saved_seq = 0
        self._may_have_calls = run.attempt > 1
        self._finished = False  # the step in hand is the last one, and complete
        self._model: str | None = None  # that wrote it, once it is complete
        self._texts: list[str] = []  # of the steps that have ended
        self._has_text = False  # the step in hand
        self._usage = Usage.from_json(run.usage) if run.usage else None
        self._started: dict[str, ToolCallUpdate] = {}
        log.open(run.id, run.attempt)
        self._seq = log.append(run.id, [RunStarted(run.id, run.conversation_id)])
        self._step_after = self._seq

    def resume(self, past: Iterable[PastTurn]) -> None:
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
        self._tell(past_events(past))
        self._step_after = self._seq

    def record(self, event: Event | Turn) -> None:
        if isinstance(event, Content):
            self._take(event)
            return
        if isinstance(event, Turn):
            self._end_step(event)
            return
        if isinstance(event, ToolCallUpdate):
            self._note_call(event)
        self._tell([event])

    def unsaved(self) -> tuple[str, int, int, int, str] | None:
        """The text of the step in hand, as run_rows.save_texts takes it; None when it is
        stored already."""
        if not self._has_text or self._saved_seq == self._seq:
            return None
        number = len(self._texts) + 1
        return self.run_id, self.attempt, self._seq, number, self._text

    def note_saved(self, seq: int) -> None:
        """What was unsaved at this seq is stored."""
        self._saved_seq = seq

    def finish(self, ending: Ending) -> None:
        """Store how the run ended, then tell the readers. Raises LeaseLost."""
        try:
            self._transact(lambda: self._save_ending(ending), patience=_END_PATIENCE)
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
        last.append(Done(ending.outcome, self._message_id, self._usage))
        self._tell(last)

    def suspend(self) -> None:
        """Let the run wait for its person; whoever goes on with it begins with what is stored."""
        self.store(lambda: run_rows.suspend(self.run_id, self.attempt))
        self._log.suspend(self.run_id)

    def leave(self) -> None:
        """Store what there is, for the worker that goes on."""
        save_texts(self._app, [self])

    def _tell(self, events: list[Event]) -> None:
        self._seq = self._log.append(self.run_id, events)

    def _take(self, event: Content) -> None:
        if not self._has_text and any(self._texts):
            event = Content(f"{BETWEEN_STEPS}{event.chunk}")
        self._tell([event])
        self._has_text = True

    @property
    def _text(self) -> str:
        """Of the step in hand. The log has it: kept here, too, it would be there twice."""
        text = self._log.text(self.run_id, self._step_after)
        return text.removeprefix(BETWEEN_STEPS) if any(self._texts) else text

    def store(self, work: Callable[[], Any]) -> None:
        """Do `work` in a transaction of this attempt, again while the database is away."""

        def claim_and_work() -> None:
            self._claim_row()
            work()

        self._transact(claim_and_work)

    def _transact(self, work: Callable[[], Any], patience: float | None = None) -> None:
        """Do `work` and commit, again while the database is away: for `patience` seconds, or for as
        long as the run may take."""
        limit = None if patience is None else time.monotonic() + patience
        while True:
            try:
                with self._app.app_context():
                    work()
                    db.session.commit()
                    return
            except Exception as error:
                if not is_unavailable(error) or (limit is not None and time.monotonic() > limit):
                    raise
            gevent.sleep(_TRY_AGAIN)

    def _claim_row(self) -> None:
        """The row stays locked until the transaction's end, so no other worker gets between."""
        if not run_rows.claim(self.run_id, self.attempt, self._seq, self._usage):
            raise LeaseLost(self.run_id)

    def _end_step(self, turn: Turn) -> None:
        """Store the turn and the calls it asks for, before any of them is made. A turn without
        calls ends the run, and is stored with its end."""
        if turn.usage is not None:
            self._usage = turn.usage + (self._usage or Usage())
        if turn.calls:
            self.store(lambda: self._save_step(turn))
            self._may_have_calls = True
            self._texts.append(self._text)
            self._has_text, self._step_after = False, self._seq
        else:
            self._finished, self._model = True, turn.model

    def _save_step(self, turn: Turn) -> None:
        number = len(self._texts) + 1
        run_rows.save_step(
            self.run_id, self.attempt, number, self._text, finished=True, model=turn.model
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

    def _note_call(self, call: ToolCallUpdate) -> None:
        if call.status == "started":
            self._started[call.id] = call
        else:
            self.store(lambda: _save_call(call))
            self._started.pop(call.id, None)

    def _save_ending(self, ending: Ending) -> None:
        # First, for it locks the row that all the others are held to.
        if not run_rows.end(
            self.run_id, self.attempt, self._seq, self._usage, ending.outcome, ending.error
        ):
            raise LeaseLost(self.run_id)
        texts = [*self._texts, self._text]
        if texts[-1] or self._finished:
            run_rows.save_step(
                self.run_id,
                self.attempt,
                len(texts),
                texts[-1],
                finished=self._finished,
                model=self._model,
                live=False,
            )
        if self._may_have_calls:
            run_rows.end_calls(self.run_id, NO_RESULT)
        content = BETWEEN_STEPS.join(filter(None, texts))
        run_rows.save_answer(self._message_id, content)


def _save_call(end: ToolCallUpdate) -> None:
    call = db.session.get_one(ToolCall, end.id)
    call.status, call.error, call.duration_ms = end.status, end.error, end.duration_ms
    call.result = end.result
    call.display = [asdict(one) for one in end.display] or None
    if end.arguments != (parse_arguments(call.arguments) or {}):
        call.changed = end.arguments


def save_texts(app: Flask, recorders: Iterable[Recorder]) -> None:
    """Store the text so far of many runs, each for the attempt that wrote it, in one transaction:
    one for each run would keep a worker with many of them busy."""
    unsaved = [(recorder, text) for recorder in recorders if (text := recorder.unsaved())]
    if not unsaved:
        return
    with app.app_context():
        run_rows.save_texts([text for _, text in unsaved])
        db.session.commit()
    for recorder, (_, _, seq, _, _) in unsaved:
        recorder.note_saved(seq)
