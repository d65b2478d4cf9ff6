"""Approvals: some tool calls are made only after the person has approved them.

An approval belongs to one call of one run, holds that call's arguments, and is decided once. It is
in the database, so it outlives the page, the process and the worker.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

import gevent
from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from app.agent.events import ApprovalRequested, DisplayPart, display_parts_from_json
from app.agent.messages import Decision
from app.conversations.ownership import IS_THERE
from app.db.changes import count_changed
from app.db.connection import retry_while_unavailable
from app.db.models import Approval, Conversation, Run, db, utc_now
from app.errors import Conflict, InputError, NotFound
from app.texts import later
from app.tools.tool import Tool
from tool_services.framework.argument_digest import argument_digest

LONGEST_REASON = 500
_POLL_SECONDS = 0.5

_ALREADY_OVER = {
    "approved": "This was approved already.",
    "declined": "This was declined already.",
    "expired": "The time for approving this is over; ask again.",
}


@dataclass(frozen=True)
class RunApprovals:
    """The approvals of one run, as its producer needs them."""

    app: Flask
    run_id: str
    minutes: float

    def request(
        self,
        call_id: str,
        tool: Tool,
        arguments: dict[str, Any],
        preview: Callable[[], Sequence[DisplayPart]] = tuple,
    ) -> ApprovalRequested | Decision:
        """Ask for this call to be approved, unless this or an earlier attempt of the run has asked.
        Returns the decision once there is one. `preview` returns what the call would do, for the
        person to see."""
        known = retry_while_unavailable(lambda: self._find(call_id))
        if known is not None:
            return known
        parts = [asdict(part) for part in preview()]  # without a database connection
        retry_while_unavailable(lambda: self._add(call_id, tool, arguments, parts))
        # None if the run was deleted meanwhile.
        return retry_while_unavailable(lambda: self._find(call_id)) or Decision("expired", {})

    def wait(self, call_id: str) -> Decision:
        """Block until the person has decided, or the approval has expired. May be killed at any
        moment."""
        while True:
            # Sleep first: the caller has just asked, and is usually killed before the next poll.
            gevent.sleep(_POLL_SECONDS)
            known = retry_while_unavailable(lambda: self._find(call_id))
            if isinstance(known, Decision):
                return known

    def allow(self, call_id: str, tool: Tool, arguments: dict[str, Any]) -> bool:
        """Whether the person has approved this call of this run with these arguments."""
        return retry_while_unavailable(lambda: self._is_approved(call_id, tool, arguments))

    def _is_approved(self, call_id: str, tool: Tool, arguments: dict[str, Any]) -> bool:
        with self.app.app_context():
            approval = _of_call(call_id)
            if approval is None or approval.status != "approved":
                return False
            approved = approval.arguments if approval.decided is None else approval.decided
            return (approval.run_id, approval.tool) == (self.run_id, tool.name) and (
                argument_digest(approved) == argument_digest(arguments)
            )

    def _find(self, call_id: str) -> ApprovalRequested | Decision | None:
        with self.app.app_context():
            approval = _of_call(call_id)
            if approval is None:
                return None
            if approval.status == "waiting" and utc_now() < approval.expires_at:
                return approval_event(approval)
            if approval.status == "waiting":
                _expire(approval.id)
                db.session.commit()
                approval = _of_call(call_id) or approval
            arguments = approval.arguments if approval.decided is None else approval.decided
            return Decision(approval.status, arguments, approval.reason)  # type: ignore[arg-type]

    def _add(
        self, call_id: str, tool: Tool, arguments: dict[str, Any], preview: list[dict[str, Any]]
    ) -> None:
        with self.app.app_context():
            approval = Approval(
                run_id=self.run_id,
                call_id=call_id,
                tool=tool.name,
                title=tool.title,
                labels=tool.labels,
                arguments=arguments,
                preview=preview or None,
                expires_at=utc_now() + timedelta(minutes=self.minutes),
            )
            db.session.add(approval)
            try:
                db.session.commit()
            except IntegrityError:  # another attempt of the run has asked meanwhile
                db.session.rollback()


def approval_event(approval: Approval) -> ApprovalRequested:
    """Return the event that asks the person for this approval."""
    return ApprovalRequested(
        id=approval.call_id,
        tool=approval.tool,
        arguments=approval.arguments,
        url=f"/approvals/{approval.id}",
        expires_at=approval.expires_at.isoformat(timespec="seconds") + "Z",
        title=approval.title or approval.tool,
        labels=approval.labels or {name: name for name in approval.arguments},
        preview=display_parts_from_json(approval.preview),
    )


def waiting_approvals(run_id: str) -> list[Approval]:
    """Return the undecided approvals of a run, oldest first."""
    waiting = select(Approval).where(Approval.run_id == run_id, Approval.status == "waiting")
    return list(db.session.scalars(waiting.order_by(Approval.created_at, Approval.id)))


def load_approval(user_id: str, approval_id: str) -> Approval:
    """Return the person's approval. Raises NotFound if there is none or it is another person's."""
    approval: Approval | None = db.session.scalar(
        select(Approval)
        .join(Run)
        .join(Conversation, Conversation.id == Run.conversation_id)
        .where(Approval.id == approval_id, Run.user_id == user_id, IS_THERE)
    )
    if approval is None:
        raise NotFound("There is nothing to approve at this address.")
    return approval


def approve(
    approval: Approval, digest: str | None, changed: dict[str, Any] | None, tool: Tool | None
) -> None:
    """Let the call be made, with the `changed` arguments or as it is. `digest` is that of the call
    which the person saw, where it is known.

    Raises Conflict if the approval is decided or has expired, and InputError if the tool doesn't
    take the changed arguments.
    """
    if digest is not None and digest != approval_event(approval).digest:
        raise Conflict(
            later("This is not the call that your page showed. Read it again, then decide.")
        )
    if changed == approval.arguments:
        changed = None
    if changed is not None:
        if tool is None:
            raise Conflict("The service can't be reached just now, so nothing can be changed.")
        mistakes = tool.argument_mistakes(changed)
        if mistakes:
            raise InputError(f"That won't do: {'; '.join(map(str, mistakes))}", field="arguments")
    _decide(approval, "approved", decided=changed)


def decline(approval: Approval, reason: str) -> None:
    """Don't let the call be made; the model gets the reason. Raises Conflict."""
    _decide(approval, "declined", reason=reason.strip()[:LONGEST_REASON])


def _decide(approval: Approval, status: str, **values: Any) -> None:
    """Store the decision, and let the run go on if it waits. Raises Conflict."""
    # Lock the run's row first, as its producer does to suspend the run, so that one of the two sees
    # what the other has done.
    run = update(Run).where(Run.id == approval.run_id, Run.live, Run.stop_asked.is_(False))
    undecided = update(Approval).where(
        Approval.id == approval.id, Approval.status == "waiting", Approval.expires_at > utc_now()
    )
    decided = count_changed(run.values(status=Run.queued_if_waiting())) and count_changed(
        undecided.values(status=status, decided_at=utc_now(), **values)
    )
    if decided:
        db.session.commit()
    else:
        db.session.rollback()
    db.session.refresh(approval)
    if not decided:
        raise Conflict(_ALREADY_OVER.get(approval.status, _ALREADY_OVER["expired"]))


def _expire(approval_id: str) -> None:
    db.session.execute(
        update(Approval)
        .where(Approval.id == approval_id, Approval.status == "waiting")
        .values(status="expired")
    )


def _of_call(call_id: str) -> Approval | None:
    approval: Approval | None = db.session.scalar(
        select(Approval)
        .where(Approval.call_id == call_id)
        .execution_options(populate_existing=True)
    )
    return approval
