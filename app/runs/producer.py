"""Produces answers: each run in a greenlet of its own, whether or not anybody reads it.

It knows neither who may ask, nor when a run of another worker is taken over.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing

import gevent
from flask import Flask

from app.agent.loop import Model, respond
from app.agent.messages import PastTurn, Turn
from app.agent.step_calls import ApprovalPending
from app.config import Settings
from app.conversations.file_storage import FileStorage
from app.db.connection import begin_read_only, retry_while_unavailable
from app.db.models import Run
from app.errors import HomestreamError, RunFailed
from app.greenlets import run_in_greenlet
from app.runs.active_run import (
    ActiveRun,
    AnswerPlace,
    Attempt,
    RunHandedOver,
    RunStopped,
    Suspended,
)
from app.runs.event_log import EventLog
from app.runs.leases import Leases
from app.runs.prompt import FIRST_ANSWER, Messages, ServicesNow, messages_for
from app.runs.prompt_files import ObjectContents
from app.runs.recorder import Ending, LeaseLost, Recorder, save_texts
from app.runs.titles import TitleWriter
from app.texts import later
from app.tools.approval_rules import ApprovalRules
from app.tools.approvals import RunApprovals
from app.tools.call_tool import UserTools
from app.tools.registry import ToolRegistry

log = logging.getLogger(__name__)

_HAND_OVER_SECONDS = 5.0


class Producer:
    """The runs that this process produces: `active`, by id."""

    def __init__(
        self,
        app: Flask,
        settings: Settings,
        event_log: EventLog,
        model: Model,
        registry: ToolRegistry,
        leases: Leases,
        storage: FileStorage,
        titles: TitleWriter | None = None,
        models: Mapping[str, Model] | None = None,
    ) -> None:
        self.active: dict[str, ActiveRun] = {}
        self.is_closed = False
        """No run begins here any more."""
        self.after_end: Callable[[str], None] = lambda _: None
        """Called with the id of the conversation when a run's end is stored."""
        self._app = app
        self._settings = settings
        self._log = event_log
        self._model = model
        self._models = models or {}
        self._registry = registry
        self._leases = leases
        self._storage = storage
        self._titles = titles

    @property
    def room(self) -> int:
        """How many more runs this process may produce."""
        return self._settings.max_runs_per_worker - len(self.active)

    def load_messages(self, place: AnswerPlace, text: str | None = None) -> Messages | None:
        """Return the prompt for the first step; None if it needs contents of files that are not in
        the database. The question's `text`, where it is at hand, saves a query. Needs an app
        context."""
        contents = ObjectContents()
        messages = self._load_messages(place, contents, text)
        return None if contents.missing else messages

    def _load_messages(
        self, place: AnswerPlace, contents: ObjectContents, text: str | None = None
    ) -> Messages:
        services = ServicesNow(self._registry.instructions(), self._registry.away())
        history = (place.conversation_id, place.position, self._settings.history_tokens)
        sees = self._settings.sees_images
        return messages_for(
            place.person, *history, services, text, sees_images=sees, contents=contents
        )

    def start(self, run: Run, place: AnswerPlace, messages: Messages | None) -> None:
        """Produce a new run; `messages` is its first prompt, if it is at hand."""
        recorder = self._recorder(run)
        prompts = self._prompts(place, messages)
        self._spawn(Attempt(recorder, place, prompts, self._choose_model(run)))

    def resume(
        self,
        run: Run,
        place: AnswerPlace,
        past: Sequence[PastTurn],
        ending: Ending | None = None,
    ) -> None:
        """Go on with a run of another attempt, or only record how it ends."""
        recorder = self._recorder(run)
        model = self._choose_model(run)
        self._spawn(Attempt(recorder, place, self._prompts(place), model, past, ending))

    def _choose_model(self, run: Run) -> Model:
        """Return the model that the person has chosen, or the default if it isn't offered now."""
        return self._models.get(run.model or "", self._model)

    def stop(self, run_id: str) -> None:
        """Begin to stop a run, if it is produced here."""
        self._kill(run_id, RunStopped)

    def hand_over(self, run_id: str) -> None:
        """Begin to leave a run to another worker."""
        self._kill(run_id, RunHandedOver)

    def hand_over_all(self) -> None:
        """Leave every run to other workers, and wait until that is stored, for some seconds."""
        runs = list(self.active.values())
        for run in runs:
            run.greenlet.kill(RunHandedOver, block=False)
        gevent.wait([run.recorded for run in runs], timeout=_HAND_OVER_SECONDS)

    def _kill(self, run_id: str, reason: type[gevent.GreenletExit]) -> None:
        run = self.active.get(run_id)
        if run is not None:
            run.greenlet.kill(reason, block=False)

    def _recorder(self, run: Run) -> Recorder:
        looks_up = self._settings.grounded_figures
        return Recorder(self._app, self._log, run, looks_up_figures=looks_up)

    def _spawn(self, attempt: Attempt) -> None:
        run = ActiveRun(attempt.recorder, attempt.place, gevent.spawn(self._produce, attempt))
        self.active[attempt.recorder.run_id] = run
        # The greenlet can be killed at any moment. What records its end must not be, so that is
        # another greenlet; a link spawns it only then, since each costs memory while it waits.
        run.greenlet.link(lambda _: self._record_end(run))

    def _produce(self, attempt: Attempt) -> Ending | Suspended:
        """Answer the question, and say what came of it."""
        timeout = gevent.Timeout.start_new(self._settings.run_timeout)
        try:
            if attempt.past is not None:
                attempt.recorder.resume(attempt.past)
            if attempt.ending is not None:
                return attempt.ending
            if attempt.past is not None:
                # A worker takes runs over as soon as it starts.
                self._registry.wait_until_asked()
            return Ending("cut_off" if self._run_agent(attempt) else "completed")
        except ApprovalPending:
            return Suspended()
        except LeaseLost:
            raise RunHandedOver from None
        except (Exception, gevent.Timeout) as error:
            return Ending("failed", self._failure(error, timeout))
        finally:
            timeout.close()

    def _failure(self, error: BaseException, timeout: gevent.Timeout) -> HomestreamError:
        """The error as it is stored and shown."""
        if isinstance(error, HomestreamError):
            return error
        if error is timeout:
            limit = self._settings.run_timeout
            message = f"The answer took over {limit:g} seconds and was ended."
            return RunFailed(message, code="run_timeout")
        failure = RunFailed(later("Something went wrong here."), code="internal")
        failure.__cause__ = error
        return failure

    def _run_agent(self, attempt: Attempt) -> bool:
        """Record everything that the agent yields. Return whether the last reply was cut off by its
        limit. Raises what the agent raises."""
        minutes = self._settings.approval_minutes
        person = attempt.place.person
        tools = UserTools(
            self._registry,
            person.id,
            RunApprovals(self._app, attempt.recorder.run_id, minutes),
            ApprovalRules(self._settings.approvals),
            email_verified=person.email_verified_at is not None,
        )
        steps = respond(
            attempt.messages,
            attempt.model,
            tools,
            max_steps=self._settings.max_steps,
            past=attempt.past or (),
        )
        cut_off = False
        with closing(steps) as events:  # type: ignore[type-var]
            for event in events:
                attempt.recorder.record(event)
                if isinstance(event, Turn):
                    cut_off = event.cut_off
        return cut_off

    def _record_end(self, run: ActiveRun) -> None:
        recorder = run.recorder
        has_ended = False
        try:
            has_ended = self._store_outcome(run)
        except LeaseLost:
            log.warning("run %s is another worker's now", recorder.run_id)
            self._log.drop(recorder.run_id)
        finally:
            if self.active.get(recorder.run_id) is run:
                del self.active[recorder.run_id]
            run.recorded.set()
        if has_ended:
            self.after_end(run.place.conversation_id)

    def _store_outcome(self, run: ActiveRun) -> bool:
        """Store what came of the greenlet. Return whether the run has ended."""
        recorder, outcome = run.recorder, run.greenlet.value
        match outcome:
            case RunHandedOver():
                self._release(recorder)
                return False
            case Suspended():
                recorder.suspend()
                return False
            case Ending():
                _log_failure(recorder.run_id, outcome.error)
                recorder.finish(outcome)
                self._begin_title(run, outcome)
            case _:  # RunStopped
                recorder.finish(Ending("stopped"))
        return True

    def _begin_title(self, run: ActiveRun, ending: Ending) -> None:
        """Have the conversation named by its first answer, if that is one."""
        is_first = run.place.position == FIRST_ANSWER and ending.error is None
        if self._titles is not None and is_first and not self.is_closed:
            self._titles.begin(run.recorder.run_id, run.place.conversation_id)

    def _release(self, recorder: Recorder) -> None:
        """Store the text so far, and let another worker have the run."""
        try:
            save_texts(self._app, [recorder])
            self._leases.release(recorder.run_id, recorder.attempt)
        except Exception:
            # The lease lapses by itself then.
            log.exception("run %s could not be handed over", recorder.run_id)
        self._log.drop(recorder.run_id)

    def _prompts(self, place: AnswerPlace, first: Messages | None = None) -> Prompts:
        def load(contents: ObjectContents) -> Messages:
            with self._app.app_context():
                begin_read_only()
                return self._load_messages(place, contents)

        def load_with_contents() -> Messages:
            contents = ObjectContents()
            messages = retry_while_unavailable(lambda: load(contents))
            while contents.missing:
                contents.fetch(self._storage)
                messages = retry_while_unavailable(lambda: load(contents))
            return messages

        def load_in_greenlet() -> Messages:
            return run_in_greenlet(load_with_contents)

        return Prompts(load_in_greenlet, first)


class Prompts:
    """A run's prompts, one for each call, read when it is called: they can be large, and are not
    kept while the model answers. The `first` one may be at hand."""

    def __init__(self, load: Callable[[], Messages], first: Messages | None = None) -> None:
        self._load = load
        self._first = first

    def __call__(self) -> Messages:
        first, self._first = self._first, None
        return self._load() if first is None else first


def _log_failure(run_id: str, error: HomestreamError | None) -> None:
    """One line for operators, however many the other side's words have."""
    if error is None:
        return
    unforeseen = error.code == "internal"
    log.log(
        logging.ERROR if unforeseen else logging.WARNING,
        "run %s failed: %s %r",
        run_id,
        error.code,
        error.detail or error.message,
        exc_info=error.__cause__ if unforeseen else None,
    )
