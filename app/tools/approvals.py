"""What waits for a person: a call that reaches out of the system is made only once they approve.

An approval belongs to one call of one run, holds that call's arguments, and is decided once. It is
in the database, so it outlives the page, the process and the worker.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

import gevent
from flask import Flask
from sqlalchemy import Update, select, update
from sqlalchemy.exc import IntegrityError

from app.agent.events import ApprovalRequested, DisplayPart
from app.agent.messages import Decision
from app.db.connection import retry_while_unavailable
from app.db.models import Approval, Run, db, utc_now
from app.errors import Conflict, InputError, NotFound
from app.tools.tool import Tool

log = logging.getLogger(__name__)

LONGEST_REASON = 500
_LOOK_SECONDS = 0.5

_OVER = {
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
        tool: str,
        arguments: dict[str, Any],
        preview: Callable[[], Sequence[DisplayPart]] = tuple,
    ) -> ApprovalRequested | Decision:
        """Ask for this call to be approved, unless that was done before, by this producer of the
        run or by an earlier one. Returns the decision once there is one. `preview` returns what the
        call would do, for the person to see."""
        found = retry_while_unavailable(lambda: self._find(call_id))
        if found is not None:
            return found
        parts = [asdict(part) for part in preview()]  # without a database connection
        retry_while_unavailable(lambda: self._add(call_id, tool, arguments, parts))
        # None if the run was deleted meanwhile.
        return retry_while_unavailable(lambda: self._find(call_id)) or Decision("expired", {})

    def wait(self, call_id: str) -> Decision:
        """Block until the person has decided, or the approval has expired. May be killed at any
        moment."""
        while True:
            # First, since the caller has just looked, and is usually killed before the next look.
            gevent.sleep(_LOOK_SECONDS)
            found = retry_while_unavailable(lambda: self._find(call_id))
            if isinstance(found, Decision):
                return found

    def _find(self, call_id: str) -> ApprovalRequested | Decision | None:
        with self.app.app_context():
            found = _of_call(call_id)
            if found is None:
                return None
            if found.status == "waiting" and utc_now() < found.expires_at:
                return approval_event(found)
            if found.status == "waiting":
                _close(found.id, "expired")
                db.session.commit()
                found = _of_call(call_id) or found
            arguments = found.arguments if found.decided is None else found.decided
            return Decision(found.status, arguments, found.reason)  # type: ignore[arg-type]

    def _add(
        self, call_id: str, tool: str, arguments: dict[str, Any], preview: list[dict[str, Any]]
    ) -> None:
        with self.app.app_context():
            approval = Approval(
                run_id=self.run_id,
                call_id=call_id,
                tool=tool,
                arguments=arguments,
                preview=preview or None,
                expires_at=utc_now() + timedelta(minutes=self.minutes),
            )
            db.session.add(approval)
            try:
                db.session.commit()
            except IntegrityError:  # another producer of the run has asked meanwhile
                db.session.rollback()


def approval_event(approval: Approval) -> ApprovalRequested:
    """The event that tells of an approval that is waited for."""
    return ApprovalRequested(
        id=approval.call_id,
        tool=approval.tool,
        arguments=approval.arguments,
        url=f"/approvals/{approval.id}",
        expires_at=approval.expires_at.isoformat(timespec="seconds") + "Z",
    )


def waiting_approvals(run_id: str) -> list[Approval]:
    """What this run waits for, in the order in which it was asked."""
    found = select(Approval).where(Approval.run_id == run_id, Approval.status == "waiting")
    return list(db.session.scalars(found.order_by(Approval.created_at, Approval.id)))


def load_approval(user_id: str, approval_id: str) -> Approval:
    """The person's approval; NotFound when it is somebody else's or nobody's."""
    found: Approval | None = db.session.scalar(
        select(Approval).join(Run).where(Approval.id == approval_id, Run.user_id == user_id)
    )
    if found is None:
        raise NotFound("There is nothing to approve at this address.")
    return found


def arguments_digest(approval: Approval) -> str:
    """Return a digest of the arguments, by which a form proves that it showed these alone."""
    text = json.dumps([approval.tool, approval.arguments], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def approve(
    approval: Approval, shown: str | None, changed: dict[str, Any] | None, tool: Tool | None
) -> None:
    """Let the call be made, with what was `changed` or as it is. `shown` is the digest of what
    the person saw, where that is known.

    Raises Conflict when it is decided or over, InputError when the arguments won't do.
    """
    if shown is not None and shown != arguments_digest(approval):
        raise Conflict("The page showed something else than what waits here: look again.")
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
    """Let the call not be made; the model is told the reason. Raises Conflict."""
    _decide(approval, "declined", reason=reason.strip()[:LONGEST_REASON])


def _decide(approval: Approval, status: str, **values: Any) -> None:
    """Store the decision, and let the run go on if it waits. Raises Conflict."""
    # The run's row is locked first, as by its producer when it suspends the run: so one of the two
    # sees what the other did.
    run = update(Run).where(Run.id == approval.run_id, Run.live, Run.stop_asked.is_(False))
    undecided = update(Approval).where(
        Approval.id == approval.id, Approval.status == "waiting", Approval.expires_at > utc_now()
    )
    decided = _execute(run.values(status=Run.queued_if_waiting())) and _execute(
        undecided.values(status=status, decided_at=utc_now(), **values)
    )
    if decided:
        db.session.commit()
    else:
        db.session.rollback()
    db.session.refresh(approval)
    if not decided:
        raise Conflict(_OVER.get(approval.status, _OVER["expired"]))


def _execute(statement: Update) -> bool:
    """Whether the statement changed a row."""
    done = db.session.execute(statement.execution_options(synchronize_session=False))
    return bool(done.rowcount)  # type: ignore[attr-defined]


def _close(approval_id: str, status: str) -> None:
    db.session.execute(
        update(Approval)
        .where(Approval.id == approval_id, Approval.status == "waiting")
        .values(status=status)
    )


def _of_call(call_id: str) -> Approval | None:
    found: Approval | None = db.session.scalar(
        select(Approval)
        .where(Approval.call_id == call_id)
        .execution_options(populate_existing=True)
    )
    return found
