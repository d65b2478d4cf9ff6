"""What a page shows of a conversation's queue, and when it asks for more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.conversations.ownership import live_run
from app.db.models import Conversation
from app.db.queue_models import QueuedQuestion
from app.rendering.displayed_messages import MessagePage


@dataclass(frozen=True)
class QueueView:
    """The queued questions. `is_live`: an answer is being written on the page."""

    questions: Sequence[QueuedQuestion]
    is_live: bool

    @property
    def goes_on(self) -> bool:
        """Whether another question is asked once the answer is over."""
        return any(not queued.held for queued in self.questions)

    @property
    def is_next(self) -> bool:
        """Whether a question is about to be asked."""
        waits = [queued for queued in self.questions if not queued.held]
        return bool(waits) and not self.is_live and waits[0].reason is None

    @property
    def trigger(self) -> str:
        """When the page asks for more, in the words of `hx-trigger`; "" if never."""
        if not self.goes_on:
            return ""
        if self.is_live:
            return "htmx:sseClose from:body"
        return "load delay:300ms" if self.is_next else "load delay:5s"


def queue_view(
    conversation: Conversation, queue: Sequence[QueuedQuestion], page: MessagePage, since: str = ""
) -> QueueView:
    """Return the view for a page that has these messages, and those up to the run `since`.

    The queue has to be loaded before the messages: what is asked in between is among both then, and
    not in neither.
    """
    answers = [message.answer for message in page.messages if message.answer]
    asked = {answer.run_id for answer in answers}
    is_live = any(answer.live for answer in answers)
    if not answers:
        run = live_run(conversation)
        is_live = run is not None and run.id == since
    return QueueView([queued for queued in queue if queued.id not in asked], is_live)
