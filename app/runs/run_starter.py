"""Stores a new run together with its question, and starts to produce it.

It knows neither who may ask nor what is queued.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.auth.rate_limits import Limit, RateLimits
from app.config import Settings
from app.conversations.file_storage import StoredFile
from app.conversations.files import add_files
from app.db.models import Run, db, new_id
from app.errors import NotFound
from app.runs import sql
from app.runs.active_run import AnswerPlace
from app.runs.leases import Leases
from app.runs.producer import Producer


class RunStarter:
    """Starts runs at this worker."""

    def __init__(
        self, settings: Settings, producer: Producer, leases: Leases, counters: RateLimits
    ) -> None:
        self._producer = producer
        self._leases = leases
        self._counters = counters
        self._questions = Limit(
            "questions",
            settings.question_limit,
            "You have asked too many questions.",
            code="too_many_questions",
        )
        self._files = Limit(
            "files", settings.file_limit, "You have sent too many files.", code="too_many_files"
        )

    def count_question(self, user_id: str) -> None:
        """Count a question of the person's. Raises TooMany if that is above the limit."""
        self._counters.count(self._questions, user_id)

    def count_files(self, user_id: str, count: int) -> None:
        """Count files that the person has sent. Raises TooMany if that is above the limit."""
        for _ in range(count):
            self._counters.count(self._files, user_id)

    def start(
        self,
        place: AnswerPlace,
        text: str | None = None,
        key: str | None = None,
        model: str | None = None,
        run_id: str | None = None,
        files: Sequence[StoredFile] = (),
    ) -> Run:
        """Store the run, and the question's `text` and `files` unless they are stored, commit, and
        start to produce; `model` is the chosen one.

        Raises NotFound if the conversation was deleted since it was looked at, and Unavailable.
        """
        run = Run(
            id=run_id or new_id(),
            user_id=place.person.id,
            idempotency_key=key,
            conversation_id=place.conversation_id,
            answer_id=new_id(),
            status="running",
            model=model,
            attempt=1,
        )
        leases = self._leases
        if not sql.add_run(run, place.position, leases.worker, leases.seconds, text):
            db.session.rollback()
            raise NotFound("There is no such conversation.")
        add_files(place.person.id, place.conversation_id, run.id, files)
        messages = self._producer.load_messages(place, None if files else text)
        db.session.commit()
        self._producer.start(run, place, messages)
        return run
