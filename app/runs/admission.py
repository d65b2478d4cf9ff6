"""Whether a question may be asked now: by its conversation, the limits, and its idempotency key.

It knows nothing of how answers are produced.
"""

from __future__ import annotations

from hashlib import blake2s
from typing import NamedTuple

from sqlalchemy import BindParameter, bindparam, exists, func, or_, select

from app.config import Settings
from app.conversations.ownership import IS_THERE
from app.db.models import Conversation, Message, Run, User, db
from app.db.queue_models import QueuedQuestion
from app.errors import Conflict, TooMany
from app.texts import later

# Columns of the tables, since the attributes of the classes are slower: they go through the ORM.
_RUNS, _MESSAGES = Run.__table__.c, Message.__table__.c
_CONVERSATIONS, _USERS = Conversation.__table__.c, User.__table__.c
_QUEUE = QueuedQuestion.__table__.c
_OF_PERSON = _RUNS.user_id == bindparam("person")
_CONVERSATION: BindParameter[str] = bindparam("conversation")
_RUNNING = _RUNS.status == "running"

_LOCK_PERSON = (
    select(_USERS.id).where(_USERS.id == bindparam("person")).with_for_update(key_share=True)
)
_COUNT = select(func.count()).select_from(Run.__table__)
_ADMISSION = select(
    _COUNT.where(_OF_PERSON, or_(_RUNNING, _RUNS.status == "queued")).scalar_subquery(),
    _COUNT.where(_RUNNING).scalar_subquery(),
    select(_RUNS.status)
    .where(_RUNS.conversation_id == _CONVERSATION, Run.live)
    .limit(1)
    .scalar_subquery(),
    select(func.max(_MESSAGES.position))
    .where(_MESSAGES.conversation_id == _CONVERSATION, _MESSAGES.superseded.is_(False))
    .scalar_subquery(),
    select(_CONVERSATIONS.user_id)
    .where(_CONVERSATIONS.id == _CONVERSATION, IS_THERE)
    .scalar_subquery(),
    select(_CONVERSATIONS.model).where(_CONVERSATIONS.id == _CONVERSATION).scalar_subquery(),
    select(_RUNS.id).where(_OF_PERSON, _RUNS.asked_as == bindparam("key")).scalar_subquery(),
    exists().where(_QUEUE.conversation_id == _CONVERSATION, _QUEUE.held.is_(False)),
    select(_QUEUE.id)
    .where(_QUEUE.user_id == bindparam("person"), _QUEUE.asked_as == bindparam("key"))
    .scalar_subquery(),
)


class Admission(NamedTuple):
    """What the admission of a question depends on. Runs that wait for their person don't count."""

    own_runs: int
    """Of the person: running, or queued."""
    all_runs: int
    """Of everybody: running."""
    live_status: str | None
    """Of the conversation's run that has not ended, if there is one."""
    last_position: int
    owner_id: str | None
    """Whose the conversation is; None if it was deleted."""
    model: str | None
    """The model that was chosen for the conversation."""
    same_run_id: str | None
    """The run of the same question with the same key, if it was asked before."""
    has_next: bool
    """Whether a queued question is to be asked next in the conversation."""
    same_queued_id: str | None
    """The queued question with the same key, if it was sent before."""

    @property
    def is_busy(self) -> bool:
        """Whether the conversation has to finish something before another question."""
        return self.live_status is not None or self.has_next


def load_admission(user_id: str, conversation_id: str, key: str | None = None) -> Admission:
    """Load what the checks need, in one query.

    It locks the person's row until the transaction's end. So of two questions at once, whichever
    workers have them, the second sees the first.
    """
    if db.engine.dialect.name != "sqlite":  # which has one writer at a time
        db.session.execute(_LOCK_PERSON, {"person": user_id})
    asked = {"person": user_id, "conversation": conversation_id, "key": key}
    own, every, live, last, *others = db.session.execute(_ADMISSION, asked).one()
    return Admission(own, every, live, last or 0, *others)


def check_limits(admission: Admission, settings: Settings) -> None:
    """Raises TooMany if the person, or everybody together, has as many answers as allowed."""
    if admission.own_runs >= settings.max_runs_per_user:
        raise TooMany(
            f"You already have {admission.own_runs} answers being written."
            " Wait for one, or stop it.",
            code="too_many_runs",
            own=True,
        )
    if admission.all_runs >= settings.max_runs:
        raise TooMany(
            later("Too many answers are being written just now. Try again in a moment."),
            code="too_many_runs",
            own=False,
        )


def check_conversation(admission: Admission) -> None:
    """Raises Conflict while the conversation is busy."""
    if admission.live_status == "waiting":
        raise Conflict(later("The last answer waits for your approval. Decide first, or stop it."))
    if admission.live_status is not None:
        raise Conflict(later("The last answer is still being written. Wait for it, or stop it."))
    if admission.has_next:
        raise Conflict(later("A queued question comes first. Wait for its answer, or remove it."))


def hash_key(key: str | None, question: str) -> str | None:
    """The idempotency key as it is stored. The question is part of it, since a browser may restore
    a form with its old key and another question."""
    if not key:
        return None
    return blake2s(f"{key}\0{question}".encode(), digest_size=16).hexdigest()
