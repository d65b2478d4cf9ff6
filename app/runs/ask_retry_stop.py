"""What a person asks of runs: a question, another try, a stop.

It knows nothing of how an answer is produced.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import gevent
from sqlalchemy import select, update

from app.config import Settings
from app.conversations.branches import begin_branch, choose
from app.conversations.file_storage import FileStorage, StoredFile
from app.conversations.files import check_quota, stored_files
from app.conversations.titles import make_title
from app.conversations.uploads import Upload, UploadLimits, read_uploads
from app.db.models import Message, Person, Run, db
from app.db.queue_models import QueuedQuestion
from app.errors import Conflict, InputError, NotFound, Unavailable, WorkerFull
from app.runs import sql
from app.runs.active_run import AnswerPlace
from app.runs.admission import (
    Admission,
    check_conversation,
    check_limits,
    hash_key,
    load_admission,
)
from app.runs.event_log import EventLog
from app.runs.producer import Producer
from app.runs.question_queue import QuestionQueue, make_urgent
from app.runs.run_starter import RunStarter
from app.runs.supervisor import Supervisor
from app.texts import later

_STOP_SECONDS = 5.0


class Runs:
    """The runs that people ask for at this process."""

    def __init__(
        self,
        settings: Settings,
        event_log: EventLog,
        producer: Producer,
        supervisor: Supervisor,
        starter: RunStarter,
        queue: QuestionQueue,
        storage: FileStorage,
    ) -> None:
        self._settings = settings
        self._log = event_log
        self._producer = producer
        self._supervisor = supervisor
        self._starter = starter
        self._queue = queue
        self._storage = storage

    def check_room(self) -> None:
        """Raises WorkerFull if this process has as many answers as it can take. Asked before
        anything else: a question that is refused must not slow the answers down."""
        if self._producer.room <= 0:
            raise WorkerFull(
                "So many answers are being written here that yours would slow them all down."
                " Try again in a moment."
            )

    def ask(
        self,
        person: Person,
        text: object,
        conversation_id: str | None = None,
        key: str | None = None,
        *,
        temporary: bool = False,
        queue: bool = False,
        model: object = None,
        files: Sequence[Upload] = (),
    ) -> Run | QueuedQuestion:
        """Store a question in the person's conversation, or in a new one, with a run, and start
        that. Raises InputError, NotFound, Conflict, TooMany and Unavailable.

        `text` is what the request has as the question, of any type. With `queue` it is queued while
        the conversation is busy. If the same was sent with the same idempotency `key` before, what
        came of that is returned. `temporary`: a new conversation is. `model` is the name that the
        request has for the model to ask, of any type; without one the conversation's is asked.
        """
        question = _validate_question(text, self._settings.max_message_chars)
        chosen = self._validate_model(model)
        # Before the transaction, in which nothing may wait.
        attached = self._store_files(person, files)
        key = hash_key(key, question)
        admission = self._load_admission(person, conversation_id or "", key)
        if (same := _asked_before(admission)) is not None:
            return same
        if conversation_id:
            _check_owner(admission, person)
        self._check_quota(person, attached)
        asked = chosen or admission.model
        if queue and admission.is_busy and conversation_id:
            queued = self._queue.add(person.id, conversation_id, question, key, asked, attached)
            # The answer may have ended meanwhile.
            self._queue.ask_next(conversation_id)
            return queued
        # All checks come before the first write, so that a refusal leaves no transaction behind.
        check_limits(admission, self._settings)
        check_conversation(admission)
        self._starter.count_question(person.id)
        if not conversation_id:
            conversation_id = sql.add_conversation(
                person.id, make_title(question), temporary=temporary
            )
        if chosen and chosen != admission.model:
            sql.choose_model(conversation_id, chosen)
        # The question itself goes between the last answer and the new one.
        place = AnswerPlace(person, conversation_id, admission.last_position + 2)
        return self._starter.start(place, question, key, asked, files=attached)

    def _store_files(self, person: Person, files: Sequence[Upload]) -> list[StoredFile]:
        """Read what was sent, and store it unless it has to be in the question's transaction.
        Raises InputError, TooMany and Unavailable."""
        if not files:
            return []
        self._starter.count_files(person.id, len(files))
        settings = self._settings
        sizes = (settings.max_file_bytes, settings.max_text_file_bytes)
        read = read_uploads(files, UploadLimits(settings.max_files, *sizes))
        # So that nothing is stored for a question that is refused anyway.
        check_quota(person.id, sum(len(file.content) for file in read), settings.file_quota_bytes)
        db.session.commit()
        return self._storage.add(read)

    def _check_quota(self, person: Person, files: Sequence[StoredFile]) -> None:
        quota = self._settings.file_quota_bytes
        check_quota(person.id, sum(file.size for file in files), quota)

    def retry(self, person: Person, run: Run) -> Run:
        """Start another run for the same question. Its old answer stays as another version, with
        what came after it. Raises Conflict, TooMany and Unavailable."""
        admission = self._load_admission(person, run.conversation_id)
        self._check_branch(admission, person, run.answer)
        self._starter.count_question(person.id)
        begin_branch(run.conversation_id, run.answer.position)
        place = AnswerPlace(person, run.conversation_id, run.answer.position)
        return self._starter.start(place, model=admission.model)

    def edit(self, person: Person, question: Message, text: object, key: str | None = None) -> Run:
        """Ask another question in place of this one, with its files. This one stays as another
        version, with what came after it. Raises InputError, Conflict, TooMany and Unavailable.

        If the same was sent with the same idempotency `key` before, that run is returned.
        """
        new = _validate_question(text, self._settings.max_message_chars)
        key = hash_key(key, new)
        admission = self._load_admission(person, question.conversation_id, key)
        if admission.same_run_id is not None:
            db.session.commit()
            return db.session.get_one(Run, admission.same_run_id)
        self._check_branch(admission, person, question)
        # They count twice, since either question may be deleted without the other.
        files = stored_files(question.id)
        self._check_quota(person, files)
        self._starter.count_question(person.id)
        begin_branch(question.conversation_id, question.position)
        place = AnswerPlace(person, question.conversation_id, question.position + 1)
        return self._starter.start(place, new, key, admission.model, files=files)

    def choose(self, person: Person, message: Message) -> None:
        """Make the branch of this message the conversation's current one, and commit. Raises
        NotFound, Conflict and Unavailable."""
        admission = self._load_admission(person, message.conversation_id)
        _check_owner(admission, person)
        check_conversation(admission)
        db.session.refresh(message)
        choose(message)
        db.session.commit()

    def _check_branch(self, admission: Admission, person: Person, message: Message) -> None:
        """Check that another branch may begin at the message. Raises NotFound, Conflict and
        TooMany."""
        _check_owner(admission, person)
        check_limits(admission, self._settings)
        check_conversation(admission)
        # Another tab may have chosen since it was loaded.
        db.session.refresh(message)
        if message.superseded:
            raise Conflict(later("Another version has taken its place. Load the page again."))

    def stop(self, run_id: str) -> None:
        """Stop a run, on whatever worker, and wait until its end is stored, for some seconds. A run
        that has ended stays as it is."""
        stop = update(Run).where(Run.id == run_id, Run.live)
        db.session.execute(stop.values(stop_asked=True, status=Run.queued_if_waiting()))
        db.session.commit()
        db.session.remove()
        self._producer.stop(run_id)
        self._supervisor.wake()
        limit = time.monotonic() + _STOP_SECONDS
        while _is_live(run_id) and time.monotonic() < limit:
            gevent.sleep(0.05)

    def send_now(self, queued: QueuedQuestion) -> None:
        """Stop the conversation's live answer, and ask this question before the other queued ones.

        If a limit is in the way, it stays queued with the reason. If it has been asked meanwhile,
        nothing is stopped.
        """
        conversation_id = queued.conversation_id
        if not make_urgent(queued):
            return
        # The question may be asked from here on, under its own id.
        is_other = (Run.conversation_id == conversation_id, Run.id != queued.id)
        run_id = db.session.scalar(select(Run.id).where(*is_other, Run.live))
        db.session.remove()
        if run_id is not None:
            self.stop(run_id)
        self._queue.ask_next(conversation_id)

    def counts(self) -> dict[str, int]:
        """For /sse/health."""
        return {"activeRuns": len(self._producer.active), "maxRuns": self._settings.max_runs}

    def _validate_model(self, name: object) -> str | None:
        """Return the model that was chosen, None for none. Raises InputError."""
        if name is None or name == "":
            return None
        choices = self._settings.model_choices or (self._settings.default_model,)
        if name not in choices:
            raise InputError(f"model must be one of {', '.join(choices)}.", field="model")
        return str(name)

    def _load_admission(
        self, person: Person, conversation_id: str, key: str | None = None
    ) -> Admission:
        if self._producer.is_closed or not self._log.up:
            raise Unavailable(later("Answers can't be written just now. Try again in a moment."))
        return load_admission(person.id, conversation_id, key)


def clean_question(text: object) -> str:
    """Return what a request has as the question, of any type, as it is stored; "" for none."""
    # Forms send two characters for the end of a line, and none of them is the person's.
    return text.replace("\0", "").replace("\r\n", "\n").strip() if isinstance(text, str) else ""


def _check_owner(admission: Admission, person: Person) -> None:
    """Check that the conversation is the person's, and not deleted meanwhile. Raises NotFound."""
    if admission.owner_id != person.id:
        raise NotFound("There is no such conversation.")


def _asked_before(admission: Admission) -> Run | QueuedQuestion | None:
    """Return what came of the same question when it was sent before; None if it wasn't."""
    if admission.same_run_id is not None:
        db.session.commit()
        return db.session.get_one(Run, admission.same_run_id)
    if admission.same_queued_id is not None:
        db.session.commit()
        return db.session.get_one(QueuedQuestion, admission.same_queued_id)
    return None


def _validate_question(text: object, longest: int) -> str:
    """Return the question as it is stored. Raises InputError."""
    question = clean_question(text)
    if not question:
        raise InputError(later("Type a question first."))
    if len(question) > longest:
        raise InputError(f"That is {len(question):,} characters; at most {longest:,} fit.")
    return question


def _is_live(run_id: str) -> bool:
    live = db.session.scalar(select(Run.id).where(Run.id == run_id, Run.live)) is not None
    db.session.remove()
    return live
